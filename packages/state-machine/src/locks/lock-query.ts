import {
  type LockDescription,
  type LockHolder,
  type LockList,
  type LockListResult,
  type LockQuery,
  type LockQueryResult,
  type LockSummary,
  limits,
} from '@conclave/protocol';
import { latin1Of } from '../keys/key-bytes.ts';
import type { State } from '../state.ts';
import { kindPrefix, type Lock, type LockRequest, lockKey } from './lock.ts';

export function queryLock(state: State, { name }: LockQuery): LockQueryResult {
  const lock = state.locks.get(lockKey(name));
  const described: LockDescription =
    lock === undefined
      ? { name, holder: null, queue: [], delayed: false }
      : {
          name,
          holder: holderOf(lock),
          queue: [...lock.queue].map((request) => waiterOf(request)),
          delayed: lock.delay !== null,
        };
  return { type: 'lock', lock: described };
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
  return { name: lock.name, holder: holderOf(lock), waiting: lock.queue.size, delayed: lock.delay !== null };
}

function holderOf({ holder }: Lock): LockHolder | null {
  return holder === null ? null : { ...waiterOf(holder), fence: holder.fence };
}

function waiterOf({ session, sequence, sinceWallMs }: LockRequest): {
  session: number;
  sequence: number;
  sinceWallMs: number;
} {
  return { session: session.id, sequence, sinceWallMs };
}
