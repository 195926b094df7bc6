import {
  electionKey,
  type Fence,
  type LeaseId,
  type LockClaim,
  type LockKind,
  type LockName,
} from '@conclave/protocol';
import { electionWeight, lockWeight, maxElectionValueBytes, overheadBytes } from '../bounds.ts';
import { bytesOf, latin1Of } from '../keys/key-bytes.ts';
import type { SessionLease } from '../leases/lease.ts';

/** Exists while it is held, awaited or delayed. It has no record: its requests have. */
export class Lock {
  /** Kind and name as one string: see `lockKey`. */
  readonly key: string;
  readonly name: LockName;
  /** Of a semaphore: its permits, as long as it exists. */
  readonly limit: number;
  /** Those whose delay runs keep their place. In no order that all members have in common: see `inTurn`. */
  readonly holders: Set<LockRequest> = new Set();
  /** In the order in which the log brought them. A set: a session that ends leaves from the middle. */
  readonly queue: Set<LockRequest> = new Set();
  /** One of the holders has it alone. */
  isExclusive = false;
  /** Permits of the holders together. */
  taken = 0;
  /** The one of those who share it that waits to have it alone. Before everybody in the queue. */
  upgrading: LockRequest | null = null;

  constructor(key: string, name: LockName, limit: number) {
    this.key = key;
    this.name = name;
    this.limit = limit;
  }
}

export type LockMode = Exclude<LockClaim['mode'], 'permits'>;

/** What a request wants of one lock, and has of it when it holds. */
export interface Claim {
  readonly lock: Lock;
  /** Of a hold of one lock it changes. */
  mode: LockClaim['mode'];
  /** Permits; 1 of a lock. */
  readonly count: number;
}

/** One acquire, by the session and sequence that sent it; while it waits, while it holds, and while the delay behind its hold runs. */
export class LockRequest {
  readonly table = 'request';
  /** At least one. They are granted, and end, together. */
  readonly claims: readonly Claim[];
  readonly owner: LeaseId;
  readonly sequence: number;
  /** Null: the hold has ended, and only its delay is left. */
  session: SessionLease | null;
  /** Log index of the acquire: its place in the queues. */
  readonly order: number;
  /** After a disorderly end. */
  readonly lockDelayMs: number;
  /** What an election publishes at the grant. */
  readonly value: Uint8Array | null;
  /** Sequences of the holds that its session keeps while this one waits, last for what it waited. */
  keeping: readonly number[];
  /** Requests that wait while their session keeps this hold. */
  readonly keptBy: Set<LockRequest> = new Set();
  /** 0 while it waits. */
  fence: Fence = 0;
  /** Wall time of the acquire; from the grant on, of the grant; of a delayed one, of the end. */
  sinceWallMs: number;
  /** It shares its only lock, and waits to have it alone. */
  isUpgrading = false;
  /** 0 until the hold has ended in disorder. */
  delayMs = 0;

  high = 0;
  low = 0;
  stored = false;

  constructor(
    claims: readonly Claim[],
    owner: LeaseId,
    session: SessionLease | null,
    sequence: number,
    order: number,
    lockDelayMs: number,
    value: Uint8Array | null,
    keeping: readonly number[],
    sinceWallMs: number,
  ) {
    this.claims = claims;
    this.owner = owner;
    this.session = session;
    this.sequence = sequence;
    this.order = order;
    this.lockDelayMs = lockDelayMs;
    this.value = value;
    this.keeping = keeping;
    this.sinceWallMs = sinceWallMs;
  }

  get isWaiting(): boolean {
    return this.fence === 0;
  }

  get isDelayed(): boolean {
    return this.delayMs > 0;
  }

  /** The first claim: the only one that an election has, and what a request is called after. */
  get lock(): Lock {
    return this.claims[0]!.lock;
  }
}

/** Whether there is room, whoever else waits. */
export function fits({ count, lock, mode }: Claim): boolean {
  switch (mode) {
    case 'exclusive':
      return lock.holders.size === 0;
    case 'shared':
      return !lock.isExclusive;
    case 'permits':
      return lock.taken + count <= lock.limit;
  }
}

export function occupy(request: LockRequest): void {
  for (const { count, lock, mode } of request.claims) {
    lock.holders.add(request);
    if (mode === 'exclusive') lock.isExclusive = true;
    if (mode === 'permits') lock.taken += count;
  }
}

export function vacate(request: LockRequest): void {
  for (const { count, lock, mode } of request.claims) {
    lock.holders.delete(request);
    if (mode === 'exclusive') lock.isExclusive = false;
    if (mode === 'permits') lock.taken -= count;
  }
}

/**
 * By fence; of those granted at one revision, and those that wait, by their place in the log. The order of a set will not do: it differs between a
 * member that replayed and one that loaded.
 */
export function inTurn(requests: Iterable<LockRequest>): LockRequest[] {
  return [...requests].toSorted(byTurn);
}

export function byTurn(a: LockRequest, b: LockRequest): number {
  return a.fence - b.fence || a.order - b.order;
}

/** Names a request among those of all sessions. */
export function requestName(session: LeaseId, sequence: number): string {
  return `${session}:${sequence}`;
}

const kinds: Readonly<Record<LockKind, string>> = { lock: 'l', election: 'e', semaphore: 's' };

export function lockKey(name: LockName): string {
  return kinds[name.kind] + latin1Of(name.name);
}

/** Null: the key is that of no kind. */
export function lockNameOf(key: string): LockName | null {
  for (const kind of ['lock', 'election', 'semaphore'] as const) {
    if (key.startsWith(kinds[kind])) return { kind, name: bytesOf(key.slice(1)) };
  }
  return null;
}

/** First character of the keys of all locks of a kind. */
export function kindPrefix(kind: LockKind): string {
  return kinds[kind];
}

export function publishedKey(name: LockName): string {
  return latin1Of(electionKey(name.name));
}

/** What one request may cost the entry that ends its session, at most: counted when it is made, so that the end never is refused. */
export function requestWeight(claims: readonly { readonly lock: { readonly name: LockName } }[]): number {
  return claims.reduce((sum, { lock }) => sum + (lock.name.kind === 'election' ? electionWeight : lockWeight), 0);
}

/** The successor's value replaces the leader's: one event with both. */
export function requestEventBytes(claims: readonly { readonly lock: { readonly name: LockName } }[]): number {
  const { name } = claims[0]!.lock;
  return name.kind === 'election' ? overheadBytes + 2 + name.name.length + 2 * maxElectionValueBytes : 0;
}
