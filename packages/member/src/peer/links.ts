import type { MemberId, Message } from '@conclave/core';
import type { Lane, PeerTransport, Timers } from '../environment.ts';
import { decodePeerFrame, encodePeerFrame } from './codec.ts';
import type { PeerMessage } from './message.ts';

interface Outgoing {
  control: PeerMessage[];
  bulk: PeerMessage[];
}

/** What goes to the other members: collected over a turn, one frame for each lane. */
export class PeerLinks {
  readonly #id: MemberId;
  readonly #transport: PeerTransport;
  readonly #timers: Timers;
  readonly #dropped: (peer: MemberId) => void;
  readonly #outgoing = new Map<MemberId, Outgoing>();
  /** A flush is on its way: scheduled, or in the pump's turn. */
  #flushExpected = false;
  #isEmpty = true;

  /** `dropped` is called when messages to a peer were not sent. */
  constructor(id: MemberId, transport: PeerTransport, timers: Timers, dropped: (peer: MemberId) => void) {
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
    const isBulk = message.type === 'forward' || message.type === 'proposed';
    this.#queue(to, isBulk ? 'bulk' : 'control', message);
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
      const { bulk, control } = outgoing;
      if (control.length > 0) {
        outgoing.control = [];
        this.#transmit(peer, 'control', control);
      }
      if (bulk.length > 0) {
        outgoing.bulk = [];
        this.#transmit(peer, 'bulk', bulk);
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
      outgoing = { control: [], bulk: [] };
      this.#outgoing.set(to, outgoing);
    }
    outgoing[lane].push(message);
    this.#isEmpty = false;
    if (this.#flushExpected) return;
    this.#flushExpected = true;
    this.#timers.soon(() => this.turnEnds());
  }

  #transmit(peer: MemberId, lane: Lane, messages: readonly PeerMessage[]): void {
    if (!this.#transport.send(peer, lane, encodePeerFrame(messages))) this.#dropped(peer);
  }
}
