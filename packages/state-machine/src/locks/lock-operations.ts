import {
  type Fence,
  type LockBreak,
  type LockBreakResult,
  type LockCancel,
  type LockCancelResult,
  type LockDelayEnd,
  type LockName,
  type LockRelease,
  type LockReleaseResult,
  type LockRequestId,
  limits,
  type Proclaim,
  type ProclaimResult,
  ProtocolError,
} from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import { limitExceeded } from '../keys/plan.ts';
import { isSession, type SessionLease } from '../leases/lease.ts';
import { Remembered } from '../sessions/remembered.ts';
import type { State } from '../state.ts';
import { checkElectionValue, sessionOfDraft } from './draft-rules.ts';
import { endDelay, endHold, grantWaiting, leaveQueue, locksOf, publish, sessionOf } from './grant.ts';
import { inTurn, type LockRequest, lockKey, requestName } from './lock.ts';

/** Releases by request and fence, not by name: a repeated release cannot end a later hold, also not of the same session (etcd#22082). */
export function lockRelease(state: State, draft: Draft, operation: LockRelease): LockReleaseResult {
  const { session } = sessionOfDraft(draft, 'lockRelease');
  const hold = session.requests.get(operation.sequence);
  if (hold === undefined || hold.isWaiting || hold.fence !== operation.fence) return released(draft, 'ended');
  const heir = operation.heir === null ? null : heirOf(state, hold, operation.heir);
  if (operation.heir !== null && heir === null) return released(draft, 'kept');
  endHold(state, draft, hold, { end: 'released', cause: 'release', delayMs: 0, heir });
  notifyReleased(draft, hold);
  return released(draft, 'released');
}

export function lockBreak(state: State, draft: Draft, operation: LockBreak): LockBreakResult {
  const { fence, holder, name, now } = operation;
  if (!now) checkDelayed(state);
  const broken = holdsOf(state, name, fence, holder);
  const delayed = now ? delayedOf(state, name, fence, holder) : [];
  for (const request of delayed) endDelay(state, draft, request);
  let longestMs = 0;
  for (const hold of broken) {
    const delayMs = now ? 0 : Math.max(sessionOf(hold).ttlMs, hold.lockDelayMs);
    longestMs = Math.max(longestMs, delayMs);
    // Its holder is told first: what hands the lock on is behind it for every member.
    notifyBroken(draft, hold, delayMs);
    endHold(state, draft, hold, { end: 'broken', cause: 'release', delayMs, heir: null });
  }
  const hasBroken = broken.length + delayed.length > 0;
  return { type: 'lockBreak', revision: draft.reached, broken: hasBroken, delayMs: longestMs };
}

/**
 * A cancel may overtake its acquire on the way to the log. Then the acquire is answered here, before it comes: `cancelled`, and it
 * will take no effect. Otherwise nobody would release what it acquires.
 */
export function lockCancel(state: State, draft: Draft, operation: LockCancel): LockCancelResult {
  const lease = sessionOfDraft(draft, 'lockCancel');
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
  if (!request.isWaiting) {
    endHold(state, draft, request, { end: 'released', cause: 'release', delayMs: 0, heir: null });
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
  // Whoever stood behind it may fit where it did not.
  grantWaiting(state, draft, locksOf(request));
  return { type: 'lockCancel', revision: draft.reached, was: 'queued' };
}

export function proclaim(state: State, draft: Draft, operation: Proclaim): ProclaimResult {
  checkElectionValue(operation.value);
  const [hold] = holdsOf(state, operation.name, operation.fence, null);
  if (hold === undefined) return { type: 'proclaim', revision: draft.reached, written: false };
  if (sessionOfDraft(draft, 'proclaim') !== hold.session) {
    throw new ProtocolError('INVALID_ARGUMENT', `proclaim: the hold belongs to session ${hold.owner}`);
  }
  publish(state, draft, hold.lock, operation.value, hold.owner, false);
  return { type: 'proclaim', revision: draft.reached, written: true };
}

/** Only in the term of the leader that waited. */
export function lockDelayEnd(state: State, draft: Draft, { sequence, session, term }: LockDelayEnd): void {
  const request = state.delayed.get(requestName(session, sequence));
  if (term !== draft.term || request === undefined) return;
  endDelay(state, draft, request);
}

/** The holds of a lock under this fence: of one request, or of all. */
export function holdsOf(state: State, name: LockName, fence: Fence, holder: LockRequestId | null): LockRequest[] {
  const lock = state.locks.get(lockKey(name));
  if (lock === undefined) return [];
  const isMeant = (request: LockRequest): boolean => request.fence === fence && !request.isDelayed;
  if (holder === null) return inTurn(lock.holders).filter(isMeant);
  const request = requestOf(state, holder);
  return request !== undefined && lock.holders.has(request) && isMeant(request) ? [request] : [];
}

/** Throws LIMIT_EXCEEDED. An expiry cannot be refused, and comes no faster than ttls pass. */
export function checkDelayed(state: State): void {
  if (state.delayed.size < limits.maxDelayedHolds) return;
  throw limitExceeded('the places of as many ended holds are kept as may be', limits.maxDelayedHolds);
}

/** Places that are kept after holds under this fence. */
function delayedOf(state: State, name: LockName, fence: Fence, holder: LockRequestId | null): LockRequest[] {
  const isMeant = (request: LockRequest): boolean =>
    request.isDelayed &&
    request.fence === fence &&
    (holder === null || (request.owner === holder.session && request.sequence === holder.sequence));
  return inTurn(state.locks.get(lockKey(name))?.holders ?? []).filter(isMeant);
}

/** One that waits or holds. */
export function requestOf(state: State, { sequence, session }: LockRequestId): LockRequest | undefined {
  const lease = state.leases.get(session);
  return isSession(lease) ? lease.session.requests.get(sequence) : undefined;
}

/** Null: it does not wait for what the hold gives back. */
function heirOf(state: State, hold: LockRequest, id: LockRequestId): LockRequest | null {
  const [claim, ...others] = hold.claims;
  if (claim?.mode !== 'exclusive' || others.length > 0) {
    throw new ProtocolError('INVALID_ARGUMENT', 'heir: only an exclusive hold of one lock is handed over');
  }
  const heir = requestOf(state, id);
  const waits = heir !== undefined && heir.claims.length === 1 && claim.lock.queue.has(heir);
  return waits ? heir : null;
}

function remember(state: State, lease: SessionLease, sequence: number): void {
  const remembered = new Remembered(lease.id, sequence, { form: 'cancelled' }, 0);
  lease.session.remembered.set(sequence, remembered);
  state.ledger.touch(remembered);
}

function released(draft: Draft, outcome: LockReleaseResult['outcome']): LockReleaseResult {
  return { type: 'lockRelease', revision: draft.reached, outcome };
}

function notifyReleased(draft: Draft, { fence, owner, sequence }: LockRequest): void {
  draft.notify({ type: 'released', session: owner, sequence, fence });
}

function notifyBroken(draft: Draft, { fence, owner, sequence }: LockRequest, delayMs: number): void {
  const { author, reason } = draft;
  draft.notify({ type: 'broken', session: owner, sequence, fence, delayMs, author, reason });
}
