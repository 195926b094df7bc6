import {
  type LockDescription,
  type LockHolder,
  type LockList,
  type LockListResult,
  type LockQuery,
  type LockQueryResult,
  type LockRequestQuery,
  type LockRequestResult,
  type LockSummary,
  type LockWaiter,
  limits,
} from '@conclave/protocol';
import { latin1Of } from '../keys/key-bytes.ts';
import type { State } from '../state.ts';
import { byTurn, inTurn, kindPrefix, type Lock, type LockRequest, lockKey } from './lock.ts';
import { requestState } from './lock-acquire.ts';
import { requestOf } from './lock-operations.ts';

export function queryLock(state: State, { name }: LockQuery): LockQueryResult {
  const key = lockKey(name);
  const lock = state.locks.get(key);
  const past = state.past.get(key)?.holds ?? [];
  const described: LockDescription =
    lock === undefined
      ? { name, limit: null, holding: 0, holders: [], waiting: 0, queue: [], past }
      : {
          name,
          limit: name.kind === 'semaphore' ? lock.limit : null,
          holding: holdingOf(lock),
          holders: listed(lock.holders).map((request) => holderOf(lock, request)),
          waiting: waitingFor(lock),
          queue: queueOf(lock),
          past,
        };
  return { type: 'lock', lock: described };
}

export function queryLockRequest(state: State, query: LockRequestQuery): LockRequestResult {
  const request = requestOf(state, query);
  return { type: 'lockRequest', request: request === undefined ? null : requestState(request) };
}

export function listLocks(state: State, { kind, after, limit }: LockList): LockListResult {
  const max = limit === 0 ? limits.maxListEntries : Math.min(limit, limits.maxListEntries);
  const prefix = kindPrefix(kind);
  const locks: LockSummary[] = [];
  const behind = after === null ? prefix : `${prefix + latin1Of(after)}\u0000`;
  for (const [key, lock] of state.locks.entries(behind)) {
    if (!key.startsWith(prefix)) break;
    if (locks.length === max) return { type: 'locks', locks, more: true };
    locks.push(summaryOf(lock));
  }
  return { type: 'locks', locks, more: false };
}

function summaryOf(lock: Lock): LockSummary {
  const holding = holdingOf(lock);
  const first = firstHolder(lock);
  return {
    name: lock.name,
    holder: first === null ? null : holderOf(lock, first),
    holding,
    waiting: waitingFor(lock),
    delayed: holding < lock.holders.size,
  };
}

/** Whoever waits to have it alone stands before all others. */
function queueOf(lock: Lock): LockWaiter[] {
  const { queue, upgrading } = lock;
  const waiters = listed(queue).map((request) => waiterOf(lock, request));
  if (upgrading === null) return waiters;
  return [{ ...waiterOf(lock, upgrading), mode: 'exclusive' as const }, ...waiters].slice(0, limits.maxListEntries);
}

function waitingFor({ queue, upgrading }: Lock): number {
  return queue.size + (upgrading === null ? 0 : 1);
}

function firstHolder({ holders }: Lock): LockRequest | null {
  let first: LockRequest | null = null;
  for (const request of holders) {
    if (!request.isDelayed && (first === null || byTurn(request, first) < 0)) first = request;
  }
  return first;
}

function holdingOf({ holders }: Lock): number {
  let holding = 0;
  for (const { isDelayed } of holders) if (!isDelayed) holding += 1;
  return holding;
}

/** No more than an answer may hold. */
function listed(requests: Iterable<LockRequest>): LockRequest[] {
  return inTurn(requests).slice(0, limits.maxListEntries);
}

function waiterOf(lock: Lock, { claims, owner, sequence, sinceWallMs }: LockRequest): LockWaiter {
  const { count, mode } = claims.find((claim) => claim.lock === lock)!;
  return { session: owner, sequence, mode, count, sinceWallMs };
}

function holderOf(lock: Lock, request: LockRequest): LockHolder {
  const { delayMs, fence, isDelayed } = request;
  return { ...waiterOf(lock, request), fence, delayMs: isDelayed ? delayMs : null };
}
