import type { Acknowledged, MemberId } from '@conclave/core';
import { compareBytes } from '@conclave/protocol';
import type { LogStore } from '@conclave/storage';
import type { Directory } from '../membership/directory.ts';
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
  /** How new the sender's record of the members is: a log index. */
  readonly membersChangedAt: number;
  /** The newest commands that the sender knows. */
  readonly knows: number;
  /** Where the sender is found. */
  readonly peerUrl: string;
  /** Of its join token. Null: a founding member. */
  readonly joinSecret: Uint8Array | null;
}

/**
 * Final for the process that hears it. `removed`: it was a member, and never will be one again. `lost`: its disk has lost what it acknowledged; it must
 * not vote anywhere, also not among peers who know nothing of that.
 */
export type Verdict = 'removed' | 'lost';

/** A peer that may not take part, and why: for the log of both. */
export class PeerRefusedError extends Error {
  override readonly name = 'PeerRefusedError';
  /** Null: it may come again. */
  readonly verdict: Verdict | null;

  constructor(message: string, verdict: Verdict | null = null) {
    super(message);
    this.verdict = verdict;
  }
}

/** A peer knows better than this disk what it once acknowledged. */
export class LostAcknowledgedError extends Error {
  override readonly name = 'LostAcknowledgedError';
  readonly by: MemberId;

  constructor(by: MemberId) {
    super(
      `this disk has lost what it acknowledged, says member ${by}: it must not vote. Was an old copy of the directory put back, or does the disk lie? ` +
        'Replace this member by a new one: `conclave member replace`',
    );
    this.by = by;
  }
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
  writer.number(hello.membersChangedAt);
  writer.number(hello.knows);
  writer.bytes(encodeText(hello.peerUrl));
  writer.byte(hello.joinSecret === null ? 0 : 1);
  if (hello.joinSecret !== null) writer.bytes(hello.joinSecret);
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
    membersChangedAt: reader.number(),
    knows: reader.number(),
    peerUrl: decodeText(reader.bytes()),
    joinSecret: reader.byte() === 0 ? null : reader.bytes().slice(),
  };
}

/** Judges who connects. The second witness of every disk: what a member once acknowledged, its peers remember. */
export class Admission {
  readonly #own: { readonly clusterId: string; readonly id: MemberId };
  readonly #directory: Directory;
  readonly #log: LogStore;
  readonly #hash: (bytes: Uint8Array) => Uint8Array;
  readonly #level: () => number;
  readonly #witnessed = new Map<MemberId, Acknowledged>();
  readonly #boots = new Map<MemberId, number>();

  constructor(
    own: { readonly clusterId: string; readonly id: MemberId },
    directory: Directory,
    log: LogStore,
    hash: (bytes: Uint8Array) => Uint8Array,
    level: () => number,
  ) {
    this.#own = own;
    this.#directory = directory;
    this.#log = log;
    this.#hash = hash;
    this.#level = level;
  }

  /** `peer` has acknowledged this to this member. */
  witness(peer: MemberId, acknowledged: Acknowledged): void {
    const known = this.#witnessed.get(peer);
    if (known === undefined || isLess(known, acknowledged)) this.#witnessed.set(peer, acknowledged);
  }

  /** Resolves when the peer may take part: its store is on record durably before its first message counts. Rejects with PeerRefusedError. */
  async admit(hello: PeerHello): Promise<void> {
    const { acknowledged, bootId, clusterId, memberId, storeUuid, to } = hello;
    const { clusterId: own, id } = this.#own;
    if (clusterId !== own) throw new PeerRefusedError(`member ${memberId} is of cluster ${clusterId}, this is ${own}`);
    if (to !== id) throw new PeerRefusedError(`member ${memberId} means to talk to member ${to}, this is ${id}`);
    this.#mustBelong(hello);
    if (hello.knows < this.#level()) {
      const what = `knows commands up to level ${hello.knows}, and the cluster is at ${this.#level()}: run a newer release`;
      throw new PeerRefusedError(`member ${memberId} ${what}`);
    }
    const known = this.#log.peerStores.get(memberId);
    if (known !== undefined && known !== storeUuid) {
      // Short enough to be told whole where a WebSocket closes: 120 bytes.
      const what = 'has another store than the one on record: was its disk wiped?';
      throw new PeerRefusedError(`member ${memberId} ${what} See \`conclave member replace\``);
    }
    const witnessed = this.#witnessed.get(memberId);
    // Only the first hello of a process says what its disk brought back: a later one may be overtaken, over the other lane, by what
    // the same process has acknowledged since.
    const isNews = this.#boots.get(memberId) !== bootId;
    if (isNews && witnessed !== undefined && isLess(acknowledged, witnessed)) {
      const lost = `${acknowledged.index} in term ${acknowledged.term}, once it was ${witnessed.index} in term ${witnessed.term}`;
      throw new PeerRefusedError(`member ${memberId} has lost what it acknowledged: its disk says ${lost}`, 'lost');
    }
    if (known === undefined) {
      this.#mustProve(hello);
      await this.#note(memberId, storeUuid);
    }
    this.#boots.set(memberId, bootId);
  }

  /** What is known of removed members is forgotten by the way: their ids are nobody's any more, and refused as such before anything else. */
  async #note(memberId: MemberId, storeUuid: string): Promise<void> {
    const gone = [...this.#log.peerStores.keys()].filter((id) => this.#directory.standingOf(id) === 'removed');
    for (const id of gone) {
      this.#witnessed.delete(id);
      this.#boots.delete(id);
    }
    try {
      await this.#log.notePeerStore(memberId, storeUuid, gone);
    } catch (error) {
      const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
      // Two at once under one id, or more members than can be: the storage has written nothing, and is as good as before.
      const isRefusal = code === 'wrong-peer-store' || code === 'too-many-peers';
      throw isRefusal ? new PeerRefusedError(`member ${memberId}: ${String(message)}`) : error;
    }
  }

  #mustBelong({ memberId, membersChangedAt }: PeerHello): void {
    const standing = this.#directory.standingOf(memberId);
    if (memberId === this.#own.id || standing === 'removed') {
      const isRemoved = standing === 'removed';
      const what = isRemoved ? 'was removed from this cluster' : 'is this one';
      throw new PeerRefusedError(`member ${memberId} ${what}`, isRemoved ? 'removed' : null);
    }
    // Whoever knows more of the members than is known here cannot be judged here: it may be the leader who would tell.
    if (standing === 'member' || membersChangedAt > this.#directory.changedAt) return;
    throw new PeerRefusedError(`member ${memberId} is none of this cluster's`);
  }

  /** The first time that it is met: its id alone could be anybody's. From then on its store is what it is known by. */
  #mustProve({ joinSecret, memberId }: PeerHello): void {
    const wanted = this.#directory.joinSecretHashOf(memberId);
    if (wanted === null) return;
    if (joinSecret !== null && compareBytes(this.#hash(joinSecret), wanted) === 0) return;
    throw new PeerRefusedError(`member ${memberId} does not prove who it is: its join token is another`);
  }
}

function isLess(a: Acknowledged, b: Acknowledged): boolean {
  return a.term < b.term || (a.term === b.term && a.index < b.index);
}
