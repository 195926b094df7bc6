import type { MemberId, Message, Prng } from '@conclave/core';
import { type Lane, lanes, type PeerTransport, type Timers } from '../environment.ts';
import { bounds } from '../settings.ts';
import { decodePeerFrame, encodePeerFrames } from './codec.ts';
import type { PeerMessage, PeerRequestId } from './message.ts';

/** Where the requests of a life begin is drawn from so many: far apart, and no life makes so many that it leaves the safe integers. */
const firstRequests = 2 ** 52;

type Outgoing = Record<Lane, PeerMessage[]>;

/** What goes to the other members: collected over a turn, one frame for each lane, or a few of bounded size. */
export class PeerLinks {
  readonly #id: MemberId;
  readonly #transport: PeerTransport;
  readonly #timers: Timers;
  readonly #dropped: (peer: MemberId, lane: Lane) => void;
  readonly #outgoing = new Map<MemberId, Outgoing>();
  /** A flush is on its way: scheduled, or in the pump's turn. */
  #flushExpected = false;
  #isEmpty = true;
  #nextRequest: PeerRequestId;

  /** `dropped` is called when messages to a peer were not sent. */
  constructor(
    id: MemberId,
    transport: PeerTransport,
    timers: Timers,
    prng: Prng,
    dropped: (peer: MemberId, lane: Lane) => void,
  ) {
    this.#nextRequest = Math.floor(prng.next() * firstRequests);
    this.#id = id;
    this.#transport = transport;
    this.#timers = timers;
    this.#dropped = dropped;
  }

  decode(from: MemberId, frame: Uint8Array): PeerMessage[] {
    return decodePeerFrame(frame, from, this.#id);
  }

  /** Appends keep their order in a lane of their own, also empty ones: one that overtook the rest would look like a loss. */
  sendRaft(message: Message): void {
    this.#queue(message.to, message.type === 'append' ? 'bulk' : 'control', { type: 'raft', message });
  }

  /**
   * `proposed` goes ahead of the append that carries its entry, in the same lane: so a member knows that it waits for an entry before
   * it sees it.
   */
  send(to: MemberId, message: PeerMessage): void {
    this.#queue(to, laneOf(message), message);
  }

  /**
   * For a request of this member to another one. No life of a member uses the numbers of another: what was asked before a restart may be
   * answered behind it, and must not be taken for the answer to something else.
   */
  takeRequest(): PeerRequestId {
    return this.#nextRequest++;
  }

  /** Of entries, and what leads to them: what was sent to `to` and has not left yet. */
  bulkBacklogBytes(to: MemberId): number {
    return this.#transport.bufferedBytes(to, 'bulk');
  }

  /** The pump flushes in its turn, and again when it ends: until then nothing is scheduled. */
  turnBegins(): void {
    this.#flushExpected = true;
  }

  /** Sends now. Called by the pump before it hands anything to the disk: replication does not wait for our own fdatasync. */
  flush(): void {
    if (this.#isEmpty) return;
    this.#isEmpty = true;
    for (const [peer, outgoing] of this.#outgoing) {
      for (const lane of lanes) {
        const messages = outgoing[lane];
        if (messages.length === 0) continue;
        outgoing[lane] = [];
        this.#transmit(peer, lane, messages);
      }
    }
  }

  turnEnds(): void {
    this.#flushExpected = false;
    this.flush();
  }

  #queue(to: MemberId, lane: Lane, message: PeerMessage): void {
    let outgoing = this.#outgoing.get(to);
    if (outgoing === undefined) {
      outgoing = { control: [], bulk: [], snapshot: [] };
      this.#outgoing.set(to, outgoing);
    }
    outgoing[lane].push(message);
    this.#isEmpty = false;
    if (this.#flushExpected) return;
    this.#flushExpected = true;
    this.#timers.soon(() => this.turnEnds());
  }

  #transmit(peer: MemberId, lane: Lane, messages: readonly PeerMessage[]): void {
    const frames = encodePeerFrames(messages, bounds.peerFrameBytes);
    // Behind a frame that was dropped nothing of the same turn goes: it would look as if only that had been lost.
    if (frames.every((frame) => this.#transport.send(peer, lane, frame))) return;
    // The sender of a snapshot notices by itself, and nothing else waits for what is in that lane.
    if (lane !== 'snapshot') this.#dropped(peer, lane);
  }
}

const otherLanes: Partial<Record<PeerMessage['type'], Lane>> = {
  forward: 'bulk',
  proposed: 'bulk',
  snapshotOffer: 'snapshot',
  snapshotChunk: 'snapshot',
  snapshotEnd: 'snapshot',
};

function laneOf({ type }: PeerMessage): Lane {
  return otherLanes[type] ?? 'control';
}
