import { type LockConvert, type LockConvertResult, limits, ProtocolError } from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import { limitExceeded } from '../keys/plan.ts';
import type { SessionLease } from '../leases/lease.ts';
import type { State } from '../state.ts';
import { deadlock, refuseDeadlock } from './deadlock.ts';
import { sessionOfDraft } from './draft-rules.ts';
import { convert, grantWaiting, stopUpgrading } from './grant.ts';
import { type Claim, inTurn, type Lock, type LockRequest } from './lock.ts';
import { notifyContended } from './lock-acquire.ts';

/** Answered as of its first coming: a repeat that is told `queued` asks where the hold stands, whose fence has grown when it was granted. */
export function lockConvert(state: State, draft: Draft, operation: LockConvert): LockConvertResult {
  const session = sessionOfDraft(draft, 'lockConvert');
  const hold = session.session.requests.get(operation.sequence);
  if (hold === undefined || hold.isWaiting) return answer(draft, 'ended', null);
  const claim = onlyClaim(hold);
  if (operation.mode === 'shared') return toShared(state, draft, hold, claim);
  return toExclusive(state, draft, session, hold, claim, operation);
}

function toShared(state: State, draft: Draft, hold: LockRequest, claim: Claim): LockConvertResult {
  if (hold.isUpgrading) stopUpgrading(state, hold);
  else if (claim.mode === 'exclusive') convert(state, draft, hold, 'shared');
  // Those who could not share it before.
  grantWaiting(state, draft, [claim.lock]);
  return answer(draft, 'held', hold.fence);
}

function toExclusive(
  state: State,
  draft: Draft,
  session: SessionLease,
  hold: LockRequest,
  claim: Claim,
  { keeping, wait }: LockConvert,
): LockConvertResult {
  const { lock, mode } = claim;
  if (mode === 'exclusive') return answer(draft, 'held', hold.fence);
  if (hold.isUpgrading) return answer(draft, 'queued', hold.fence);
  if (lock.holders.size === 1) {
    refuseIfKept(hold, claim);
    convert(state, draft, hold, 'exclusive');
    return answer(draft, 'held', hold.fence);
  }
  if (!wait) return answer(draft, 'refused', hold.fence);
  if (state.crowd.waiting >= limits.maxWaitingRequests) {
    throw limitExceeded('as many requests wait for locks as may', limits.maxWaitingRequests);
  }
  beginUpgrading(session, hold, lock, keeping);
  state.crowd.waiting += 1;
  if (lock.queue.size === 0) notifyContended(draft, lock, hold);
  state.ledger.touch(hold);
  return answer(draft, 'queued', hold.fence);
}

/** Throws DEADLOCK: it is kept while something is waited for that waits for a share of the lock. */
function refuseIfKept(hold: LockRequest, claim: Claim): void {
  if (hold.keptBy.size === 0) return;
  claim.mode = 'exclusive';
  claim.lock.isExclusive = true;
  const asBefore = (): void => {
    claim.mode = 'shared';
    claim.lock.isExclusive = false;
  };
  refuseDeadlock(inTurn(hold.keptBy), asBefore);
  asBefore();
}

/** Throws DEADLOCK, also when somebody else waits for the same, and changes nothing then. */
function beginUpgrading({ session }: SessionLease, hold: LockRequest, lock: Lock, keeping: readonly number[]): void {
  const kept = keeping.flatMap((sequence) => {
    const one = session.requests.get(sequence);
    return one === undefined || one.isWaiting || one === hold ? [] : one;
  });
  const { upgrading } = lock;
  // Not left to the search, which may give up: there is one place only.
  if (upgrading !== null) throw deadlock([hold, upgrading].map((request) => ({ request, lock })));
  // In its place before it is looked: whoever waits in the queue waits for it from now on, too.
  hold.isUpgrading = true;
  lock.upgrading = hold;
  for (const one of kept) one.keptBy.add(hold);
  refuseDeadlock([hold, ...inTurn(hold.keptBy)], () => {
    hold.isUpgrading = false;
    lock.upgrading = null;
    for (const one of kept) one.keptBy.delete(hold);
  });
  hold.keeping = kept.map(({ sequence }) => sequence);
}

function onlyClaim({ claims }: LockRequest): Claim {
  const [claim, ...others] = claims;
  if (claim === undefined || others.length > 0 || claim.lock.name.kind !== 'lock') {
    throw new ProtocolError('INVALID_ARGUMENT', 'sequence: only a hold of one lock has a mode that changes');
  }
  return claim;
}

function answer(
  draft: Draft,
  outcome: LockConvertResult['outcome'],
  fence: LockConvertResult['fence'],
): LockConvertResult {
  return { type: 'lockConvert', revision: draft.reached, outcome, fence };
}
