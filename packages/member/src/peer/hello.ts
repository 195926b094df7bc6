import type { Acknowledged, MemberId } from '@conclave/core';
import type { LogStore } from '@conclave/storage';
import { peerProtocolVersion } from './codec.ts';
import { decodeText, encodeText } from './text.ts';
import { FrameReader, FrameWriter, PeerProtocolError } from './wire.ts';

/** The first frame of each link between members, in both directions. */
export interface PeerHello {
  readonly clusterId: string;
  readonly memberId: MemberId;
  /** Of the receiver, as the sender knows it: a connection that reached somebody else is noticed. */
  readonly to: MemberId;
  readonly storeUuid: string;
  /** Drawn when the sender's process started. */
  readonly bootId: number;
  /** What the sender's disk says that it has acknowledged at most. */
  readonly acknowledged: Acknowledged;
}

/** A peer that may not take part, and why: for the log of both. */
export class PeerRefusedError extends Error {
  override readonly name = 'PeerRefusedError';
}

export function encodeHello(hello: PeerHello): Uint8Array {
  const writer = new FrameWriter();
  writer.number(peerProtocolVersion);
  writer.bytes(encodeText(hello.clusterId));
  writer.number(hello.memberId);
  writer.number(hello.to);
  writer.bytes(encodeText(hello.storeUuid));
  writer.number(hello.bootId);
  writer.number(hello.acknowledged.term);
  writer.number(hello.acknowledged.index);
  return writer.take();
}

export function decodeHello(bytes: Uint8Array): PeerHello {
  const reader = new FrameReader(bytes);
  const version = reader.number();
  if (version !== peerProtocolVersion) {
    throw new PeerProtocolError(
      `the peer speaks version ${version} of the member protocol, this one ${peerProtocolVersion}`,
    );
  }
  return {
    clusterId: decodeText(reader.bytes()),
    memberId: reader.number() as MemberId,
    to: reader.number() as MemberId,
    storeUuid: decodeText(reader.bytes()),
    bootId: reader.number(),
    acknowledged: { term: reader.number() as never, index: reader.number() as never },
  };
}

/** Judges who connects. The second witness of every disk: what a member once acknowledged, its peers remember. */
export class Admission {
  readonly #own: { readonly clusterId: string; readonly id: MemberId; readonly members: ReadonlySet<MemberId> };
  readonly #log: LogStore;
  readonly #witnessed = new Map<MemberId, Acknowledged>();
  readonly #boots = new Map<MemberId, number>();

  constructor(
    own: { readonly clusterId: string; readonly id: MemberId; readonly members: ReadonlySet<MemberId> },
    log: LogStore,
  ) {
    this.#own = own;
    this.#log = log;
  }

  /** `peer` has acknowledged this to this member. */
  witness(peer: MemberId, acknowledged: Acknowledged): void {
    const known = this.#witnessed.get(peer);
    if (known === undefined || isLess(known, acknowledged)) this.#witnessed.set(peer, acknowledged);
  }

  /** Resolves when the peer may take part: its store is on record durably before its first message counts. Rejects with PeerRefusedError. */
  async admit({ acknowledged, bootId, clusterId, memberId, storeUuid, to }: PeerHello): Promise<void> {
    const { clusterId: own, id, members } = this.#own;
    if (clusterId !== own) throw new PeerRefusedError(`member ${memberId} is of cluster ${clusterId}, this is ${own}`);
    if (to !== id) throw new PeerRefusedError(`member ${memberId} means to talk to member ${to}, this is ${id}`);
    if (memberId === id || !members.has(memberId))
      throw new PeerRefusedError(`member ${memberId} is none of this cluster's`);
    const witnessed = this.#witnessed.get(memberId);
    // Only the first hello of a process says what its disk brought back: a later one may be overtaken, over the other lane, by what
    // the same process has acknowledged since.
    const isNews = this.#boots.get(memberId) !== bootId;
    if (isNews && witnessed !== undefined && isLess(acknowledged, witnessed)) {
      const lost = `${acknowledged.index} in term ${acknowledged.term}, once it was ${witnessed.index} in term ${witnessed.term}`;
      throw new PeerRefusedError(`member ${memberId} has lost what it acknowledged: its disk says ${lost}`);
    }
    const known = this.#log.peerStores.get(memberId);
    if (known === undefined) await this.#log.notePeerStore(memberId, storeUuid);
    else if (known !== storeUuid) {
      throw new PeerRefusedError(
        `member ${memberId} comes with store ${storeUuid}, its store is ${known}: was its disk wiped?`,
      );
    }
    this.#boots.set(memberId, bootId);
  }
}

function isLess(a: Acknowledged, b: Acknowledged): boolean {
  return a.term < b.term || (a.term === b.term && a.index < b.index);
}
