import {
  type Fence,
  type LockAcquire,
  type LockAcquireResult,
  type LockBreak,
  type LockBreakResult,
  type LockCancel,
  type LockCancelResult,
  type LockDelayEnd,
  type LockName,
  type LockRelease,
  type LockReleaseResult,
  type LockState,
  limits,
  type Proclaim,
  type ProclaimResult,
  ProtocolError,
} from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import { maxElectionValueBytes } from '../bounds.ts';
import { checkLease, limitExceeded } from '../keys/plan.ts';
import type { SessionLease } from '../leases/lease.ts';
import { Remembered } from '../sessions/remembered.ts';
import type { State } from '../state.ts';
import { endDelay, endHold, grant, leaveQueue, publish } from './grant.ts';
import { Lock, LockRequest, lockKey, requestEventBytes, requestWeight } from './lock.ts';

export function lockAcquire(state: State, draft: Draft, operation: LockAcquire): LockAcquireResult {
  const session = sessionOf(draft, 'lockAcquire');
  checkValue(operation.value);
  const key = lockKey(operation.name);
  const known = state.locks.get(key);
  if (known !== undefined && !operation.wait) return answer(draft, { state: 'refused' });
  if (known !== undefined && known.queue.size >= limits.maxLockQueue) {
    throw limitExceeded('as many requests wait for this lock as may', limits.maxLockQueue);
  }
  checkLease(session, requestWeight(operation.name), requestEventBytes(operation.name));
  const lock = known ?? new Lock(key, { kind: operation.name.kind, name: operation.name.name.slice() });
  const request = enter(state, draft, session, lock, operation);
  if (known !== undefined) {
    const ahead = lock.queue.size + (lock.holder === null ? 0 : 1);
    lock.queue.add(request);
    return answer(draft, { state: 'queued', ahead });
  }
  state.locks.set(key, lock);
  grant(state, draft, request);
  return answer(draft, { state: 'held', fence: request.fence });
}

/** The state of a request that waits or holds: what a resent acquire is told. */
export function requestState(request: LockRequest): LockState {
  if (request.fence > 0) return { state: 'held', fence: request.fence };
  let ahead = request.lock.holder === null ? 0 : 1;
  for (const other of request.lock.queue) {
    if (other === request) break;
    ahead += 1;
  }
  return { state: 'queued', ahead };
}

/** Releases by fence and not by name: a repeated release cannot end a later hold, also not of the same session (etcd#22082). */
export function lockRelease(state: State, draft: Draft, operation: LockRelease): LockReleaseResult {
  const hold = holdOf(state, operation.name, operation.fence);
  if (hold === null) return { type: 'lockRelease', revision: draft.reached, released: false };
  checkOwner(draft, hold, 'lockRelease');
  endHold(state, draft, hold, 0, 'release');
  notifyReleased(draft, hold);
  return { type: 'lockRelease', revision: draft.reached, released: true };
}

export function lockBreak(state: State, draft: Draft, operation: LockBreak): LockBreakResult {
  const hold = holdOf(state, operation.name, operation.fence);
  if (hold === null) return { type: 'lockBreak', revision: draft.reached, broken: false, delayMs: 0 };
  const delayMs = operation.now ? 0 : Math.max(hold.session.ttlMs, hold.lockDelayMs);
  // Its holder is told first: what hands the lock on is behind it for every member.
  notifyBroken(draft, hold, delayMs);
  endHold(state, draft, hold, delayMs, 'release');
  return { type: 'lockBreak', revision: draft.reached, broken: true, delayMs };
}

/**
 * A cancel may overtake its acquire on the way to the log. Then the acquire is answered here, before it comes: `cancelled`, and it
 * will take no effect. Otherwise nobody would release what it acquires.
 */
export function lockCancel(state: State, draft: Draft, operation: LockCancel): LockCancelResult {
  const lease = sessionOf(draft, 'lockCancel');
  const { session } = lease;
  const { sequence } = operation;
  if (sequence === draft.sequence) {
    throw new ProtocolError('INVALID_ARGUMENT', 'sequence: a cancel names the acquire, not itself');
  }
  const request = session.requests.get(sequence);
  if (request === undefined) {
    if (sequence >= session.acknowledgedBelow && !session.remembered.has(sequence)) {
      if (sequence >= session.acknowledgedBelow + limits.maxSessionWindow) {
        throw limitExceeded('the sequence lies beyond the window of the session', limits.maxSessionWindow);
      }
      remember(state, lease, sequence);
    }
    return { type: 'lockCancel', revision: draft.reached, was: 'ended' };
  }
  if (request.lock.key !== lockKey(operation.name)) {
    throw new ProtocolError('INVALID_ARGUMENT', `name: the request ${sequence} is for another lock`);
  }
  if (request.fence > 0) {
    endHold(state, draft, request, 0, 'release');
    notifyReleased(draft, request);
    return { type: 'lockCancel', revision: draft.reached, was: 'held' };
  }
  leaveQueue(state, request);
  const remembered = session.remembered.get(sequence);
  if (remembered !== undefined) {
    remembered.answer = { form: 'cancelled' };
    state.ledger.touch(remembered);
  }
  draft.notify({ type: 'cancelled', session: lease.id, sequence });
  return { type: 'lockCancel', revision: draft.reached, was: 'queued' };
}

export function proclaim(state: State, draft: Draft, operation: Proclaim): ProclaimResult {
  checkValue(operation.value);
  const hold = holdOf(state, operation.name, operation.fence);
  if (hold === null) return { type: 'proclaim', revision: draft.reached, written: false };
  checkOwner(draft, hold, 'proclaim');
  publish(state, draft, hold.lock, operation.value, hold.session.id, false);
  return { type: 'proclaim', revision: draft.reached, written: true };
}

/** Only in the term of the leader that waited, and only if no later hold has ended meanwhile. */
export function lockDelayEnd(state: State, draft: Draft, operation: LockDelayEnd): void {
  const lock = state.locks.get(lockKey(operation.name));
  if (operation.term !== draft.term || lock === undefined || lock.delay?.fence !== operation.fence) return;
  endDelay(state, draft, lock);
}

function enter(
  state: State,
  draft: Draft,
  lease: SessionLease,
  lock: Lock,
  { value, lockDelayMs, name }: LockAcquire,
): LockRequest {
  const kept = value === null ? null : value.slice();
  const request = new LockRequest(lock, lease, draft.sequence, draft.index, lockDelayMs, kept, draft.wallTimeMs);
  lease.session.requests.set(request.sequence, request);
  lease.session.requestWeight += requestWeight(name);
  lease.session.requestEventBytes += requestEventBytes(name);
  state.ledger.touch(request);
  return request;
}

function remember(state: State, lease: SessionLease, sequence: number): void {
  const remembered = new Remembered(lease.id, sequence, { form: 'cancelled' }, 0);
  lease.session.remembered.set(sequence, remembered);
  state.ledger.touch(remembered);
}

function answer(draft: Draft, state: LockState): LockAcquireResult {
  return { type: 'lockAcquire', revision: draft.reached, ...state };
}

function holdOf(state: State, name: LockName, fence: Fence): LockRequest | null {
  const holder = state.locks.get(lockKey(name))?.holder ?? null;
  return holder !== null && holder.fence === fence ? holder : null;
}

function notifyReleased(draft: Draft, { fence, sequence, session }: LockRequest): void {
  draft.notify({ type: 'released', session: session.id, sequence, fence });
}

function notifyBroken(draft: Draft, { fence, sequence, session }: LockRequest, delayMs: number): void {
  const { author, reason } = draft;
  draft.notify({ type: 'broken', session: session.id, sequence, fence, delayMs, author, reason });
}

function sessionOf(draft: Draft, operation: string): SessionLease {
  if (draft.session === null) throw new ProtocolError('INVALID_ARGUMENT', `${operation} needs a session`);
  return draft.session;
}

/** Somebody else's hold is ended by `lockBreak`, which waits until its holder knows. */
function checkOwner(draft: Draft, hold: LockRequest, operation: string): void {
  if (sessionOf(draft, operation) === hold.session) return;
  throw new ProtocolError('INVALID_ARGUMENT', `${operation}: the hold belongs to session ${hold.session.id}`);
}

function checkValue(value: Uint8Array | null): void {
  if (value === null || value.length <= maxElectionValueBytes) return;
  throw new ProtocolError(
    'TOO_LARGE',
    `value: ${value.length} bytes; an election publishes at most ${maxElectionValueBytes}`,
    'not-applied',
    { limit: maxElectionValueBytes },
  );
}
