import { electionKey, type Fence, type LockName } from '@conclave/protocol';
import { electionWeight, lockWeight, maxElectionValueBytes, overheadBytes } from '../bounds.ts';
import { bytesOf, latin1Of } from '../keys/key-bytes.ts';
import type { SessionLease } from '../leases/lease.ts';

/** Exists while it is held, awaited or delayed. */
export class Lock {
  readonly table = 'delay';
  /** Kind and name as one string: see `lockKey`. */
  readonly key: string;
  readonly name: LockName;
  holder: LockRequest | null = null;
  /** In the order in which the log brought them. A set: a session that ends leaves from the middle. */
  readonly queue: Set<LockRequest> = new Set();
  /** Set while nobody is granted because a hold ended in disorder. Only then has the lock a record of its own. */
  delay: LockDelay | null = null;

  high = 0;
  low = 0;
  stored = false;

  constructor(key: string, name: LockName) {
    this.key = key;
    this.name = name;
  }
}

export interface LockDelay {
  /** Of the hold that ended: what the end of the delay must name. */
  readonly fence: Fence;
  readonly delayMs: number;
}

/** One acquire, by the session and sequence that sent it; while it waits, and while it holds. */
export class LockRequest {
  readonly table = 'request';
  readonly lock: Lock;
  readonly session: SessionLease;
  readonly sequence: number;
  /** Log index of the acquire: its place in the queue. */
  readonly order: number;
  readonly lockDelayMs: number;
  /** What an election publishes at the grant. */
  readonly value: Uint8Array | null;
  /** 0 while it waits. */
  fence: Fence = 0;
  /** Wall time of the acquire; from the grant on, of the grant. */
  sinceWallMs: number;

  high = 0;
  low = 0;
  stored = false;

  constructor(
    lock: Lock,
    session: SessionLease,
    sequence: number,
    order: number,
    lockDelayMs: number,
    value: Uint8Array | null,
    sinceWallMs: number,
  ) {
    this.lock = lock;
    this.session = session;
    this.sequence = sequence;
    this.order = order;
    this.lockDelayMs = lockDelayMs;
    this.value = value;
    this.sinceWallMs = sinceWallMs;
  }
}

const kinds: Readonly<Record<LockName['kind'], string>> = { lock: 'l', election: 'e' };

export function lockKey(name: LockName): string {
  return kinds[name.kind] + latin1Of(name.name);
}

export function lockNameOf(key: string): LockName {
  return { kind: key.charCodeAt(0) === kinds.lock.charCodeAt(0) ? 'lock' : 'election', name: bytesOf(key.slice(1)) };
}

/** First character of the keys of all locks of a kind. */
export function kindPrefix(kind: LockName['kind']): string {
  return kinds[kind];
}

export function publishedKey(name: LockName): string {
  return latin1Of(electionKey(name.name));
}

/** What one request may cost the entry that ends its session, at most: counted when it is made, so that the end never is refused. */
export function requestWeight(name: LockName): number {
  return name.kind === 'election' ? electionWeight : lockWeight;
}

/** The successor's value replaces the leader's: one event with both. */
export function requestEventBytes(name: LockName): number {
  return name.kind === 'election' ? overheadBytes + 2 + name.name.length + 2 * maxElectionValueBytes : 0;
}
