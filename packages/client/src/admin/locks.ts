import type {
  LockDescription,
  LockHolder,
  LockKind,
  LockRequestId,
  LockSummary,
  LockWaiter,
  PastHold,
} from '@conclave/protocol';
import type { CallOptions, WriteOptions } from '../call.ts';
import type { Client } from '../client.ts';
import type { Key } from '../keys/key-space.ts';
import { toBytes, toText } from '../text.ts';

export interface LockWaiterInfo extends LockRequestId {
  readonly mode: 'exclusive' | 'shared' | 'permits';
  /** Permits; 1 of a lock. */
  readonly count: number;
  /** By the leader's wall clock: of the request; of a holder, of the grant. */
  readonly since: Date;
}

export interface LockHolderInfo extends LockWaiterInfo {
  readonly fence: number;
  /** Null: it holds. Else the hold has ended in disorder, and its place is kept for so long from `since`. */
  readonly delayMs: number | null;
}

export interface PastHoldInfo extends LockRequestId {
  readonly fence: number;
  readonly since: Date;
  readonly until: Date;
  readonly end: 'released' | 'broken' | 'expired' | 'closed' | 'revoked';
}

export interface LockInfo {
  readonly kind: LockKind;
  readonly name: string;
  /** Of a semaphore in use; else null. */
  readonly permits: number | null;
  readonly holding: number;
  /** The first thousand, by fence. */
  readonly holders: readonly LockHolderInfo[];
  readonly waiting: number;
  /** The first thousand, in the order of their turns. */
  readonly queue: readonly LockWaiterInfo[];
  /** The last eight holds that have ended, the latest first, as long as the lock is among the thousand that were used last. */
  readonly past: readonly PastHoldInfo[];
}

export interface LockListing {
  readonly kind: LockKind;
  readonly name: string;
  readonly holder: LockHolderInfo | null;
  readonly holding: number;
  readonly waiting: number;
  readonly delayed: boolean;
}

export interface KindOptions extends CallOptions {
  /** `lock` without a word. */
  readonly kind?: LockKind;
}

export interface BreakOptions extends KindOptions, WriteOptions {
  /** Of the hold, as `inspectLock` shows it: a later one is not ended. */
  readonly fence: number;
  /** Of several with this fence only the one of this request. */
  readonly holder?: LockRequestId;
  /** The next one is granted at once, and only the fence protects what was held. Else the holder's ttl is waited out. */
  readonly now?: boolean;
}

export interface Broken {
  /** False: nobody holds it under this fence. */
  readonly broken: boolean;
  /** Nobody is granted for so long. */
  readonly delayMs: number;
}

/** Who holds it, who waits, who held it before. Names are whole: a namespace adds nothing. */
export async function inspectLock(client: Client, name: Key, options: KindOptions = {}): Promise<LockInfo> {
  const { kind = 'lock', ...call } = options;
  const { lock } = await client.perform({ type: 'lock', name: { kind, name: toBytes(name) } }, call);
  return infoOf(lock);
}

/** Everything that is held, awaited or delayed, in the order of names; fetched a thousand at a time. */
export async function* listLocks(client: Client, options: KindOptions = {}): AsyncGenerator<LockListing, void, void> {
  const { kind = 'lock', ...call } = options;
  let after: Uint8Array | null = null;
  for (;;) {
    const operation = { type: 'locks', kind, after, limit: 0 } as const;
    const page: { readonly locks: readonly LockSummary[]; readonly more: boolean } = await client.perform(
      operation,
      call,
    );
    for (const summary of page.locks) yield listingOf(summary);
    after = page.locks.at(-1)?.name.name ?? null;
    if (!page.more || after === null) return;
  }
}

/** Ends somebody else's hold. Its holder is told, with the reason, and its signal aborts. */
export async function breakLock(client: Client, name: Key, options: BreakOptions): Promise<Broken> {
  const { fence, holder = null, kind = 'lock', now = false, ...call } = options;
  const lock = { kind, name: toBytes(name) };
  const { broken, delayMs } = await client.perform({ type: 'lockBreak', name: lock, fence, holder, now }, call);
  return { broken, delayMs };
}

function infoOf({ holders, holding, limit, name, past, queue, waiting }: LockDescription): LockInfo {
  return {
    kind: name.kind,
    name: toText(name.name),
    permits: limit,
    holding,
    holders: holders.map(holderOf),
    waiting,
    queue: queue.map(waiterOf),
    past: past.map(pastOf),
  };
}

function listingOf({ delayed, holder, holding, name, waiting }: LockSummary): LockListing {
  const first = holder === null ? null : holderOf(holder);
  return { kind: name.kind, name: toText(name.name), holder: first, holding, waiting, delayed };
}

function holderOf({ delayMs, fence, ...waiter }: LockHolder): LockHolderInfo {
  return { ...waiterOf(waiter), fence, delayMs };
}

function waiterOf({ count, mode, sequence, session, sinceWallMs }: LockWaiter): LockWaiterInfo {
  return { session, sequence, mode, count, since: new Date(sinceWallMs) };
}

function pastOf({ end, endedWallMs, fence, sequence, session, sinceWallMs }: PastHold): PastHoldInfo {
  return { session, sequence, fence, since: new Date(sinceWallMs), until: new Date(endedWallMs), end };
}
