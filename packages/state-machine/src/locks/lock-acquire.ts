import {
  type LockAcquire,
  type LockAcquireResult,
  type LockClaim,
  type LockStanding,
  type LockState,
  limits,
  ProtocolError,
} from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import { maxContendedTold } from '../bounds.ts';
import { checkLease, limitExceeded } from '../keys/plan.ts';
import type { SessionLease } from '../leases/lease.ts';
import type { State } from '../state.ts';
import { refuseDeadlock } from './deadlock.ts';
import { checkElectionValue, sessionOfDraft } from './draft-rules.ts';
import { grant, mayHoldAtOnce } from './grant.ts';
import { type Claim, inTurn, Lock, LockRequest, lockKey, requestEventBytes, requestWeight } from './lock.ts';

export function lockAcquire(state: State, draft: Draft, operation: LockAcquire): LockAcquireResult {
  const session = sessionOfDraft(draft, 'lockAcquire');
  checkElectionValue(operation.value);
  const request = requestFor(state, draft, session, operation);
  const atOnce = mayHoldAtOnce(request);
  if (!atOnce && !operation.wait) return answer(draft, { state: 'refused' });
  // One entry may grant all of them.
  if (!atOnce && state.crowd.waiting >= limits.maxWaitingRequests) {
    throw limitExceeded('as many requests wait for locks as may', limits.maxWaitingRequests);
  }
  checkLease(session, requestWeight(request.claims), requestEventBytes(request.claims));
  if (!atOnce) keep(session, request);
  enter(state, session, request);
  if (!atOnce) return answer(draft, enqueue(state, draft, request));
  grant(state, draft, request);
  return answer(draft, { state: 'held', fence: request.fence });
}

/** The state of a request that waits or holds: what a resent acquire is told. */
export function requestState(request: LockRequest): LockStanding {
  if (!request.isWaiting) return { state: 'held', fence: request.fence };
  return { state: 'queued', ahead: Math.max(...request.claims.map(({ lock }) => ahead(lock, request))) };
}

/** Changes nothing yet: what it names may be refused. */
function requestFor(state: State, draft: Draft, session: SessionLease, operation: LockAcquire): LockRequest {
  const { keeping, lockDelayMs, value } = operation;
  const claims = operation.claims.map((claim) => claimOn(state, claim));
  const kept = value === null ? null : value.slice();
  const { sequence, index, wallTimeMs } = draft;
  // What is no hold now never counts as kept, also not when a later acquire takes that sequence.
  const held = keeping.filter((one) => session.session.requests.get(one)?.isWaiting === false);
  return new LockRequest(claims, session.id, session, sequence, index, lockDelayMs, kept, held, wallTimeMs);
}

function claimOn(state: State, claim: LockClaim): Claim {
  const { mode, name } = claim;
  const key = lockKey(name);
  const [count, limit] = claim.mode === 'permits' ? [claim.count, claim.limit] : [1, 1];
  const lock = state.locks.get(key) ?? new Lock(key, { kind: name.kind, name: name.name.slice() }, limit);
  if (lock.limit !== limit) {
    const message = `limit: the semaphore has ${lock.limit} permits while it is in use, not ${limit}`;
    throw new ProtocolError('INVALID_ARGUMENT', message, 'not-applied', { limit: lock.limit });
  }
  if (lock.holders.size + lock.queue.size >= limits.maxLockQueue) {
    throw limitExceeded('the lock has as many requests as it may', limits.maxLockQueue);
  }
  return { lock, mode, count };
}

/** Throws DEADLOCK, and keeps nothing then. */
function keep({ session }: SessionLease, request: LockRequest): void {
  if (request.keeping.length === 0) return;
  const kept = request.keeping.flatMap((sequence) => session.requests.get(sequence) ?? []);
  for (const hold of kept) hold.keptBy.add(request);
  refuseDeadlock([request], () => {
    for (const hold of kept) hold.keptBy.delete(request);
  });
}

function enter(state: State, { session }: SessionLease, request: LockRequest): void {
  session.requests.set(request.sequence, request);
  session.requestWeight += requestWeight(request.claims);
  session.requestEventBytes += requestEventBytes(request.claims);
  for (const { lock } of request.claims) state.locks.set(lock.key, lock);
  state.ledger.touch(request);
}

function enqueue(state: State, draft: Draft, request: LockRequest): LockState {
  state.crowd.waiting += 1;
  for (const { lock } of request.claims) {
    if (lock.queue.size === 0) notifyContended(draft, lock, request);
    lock.queue.add(request);
  }
  return requestState(request);
}

/** Where many share, no single one of them can make way. */
export function notifyContended(draft: Draft, { holders }: Lock, by: LockRequest): void {
  if (holders.size > maxContendedTold) return;
  for (const holder of inTurn(holders)) {
    const { isDelayed, owner, sequence } = holder;
    if (!isDelayed && holder !== by) draft.notify({ type: 'contended', session: owner, sequence });
  }
}

function ahead({ holders, queue }: Lock, request: LockRequest): number {
  let count = 0;
  for (const { isDelayed } of holders) if (!isDelayed) count += 1;
  for (const other of queue) {
    if (other === request) break;
    count += 1;
  }
  return count;
}

function answer(draft: Draft, state: LockState): LockAcquireResult {
  return { type: 'lockAcquire', revision: draft.reached, ...state };
}
