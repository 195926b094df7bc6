// The end of a lease or session: one entry and one revision, whatever hangs on it. What may hang on it is bounded where it is hung on
// (`checkLease`), because an end cannot be refused.
import type { Draft, SessionEnd } from '../apply/draft.ts';
import { latin1Of } from '../keys/key-bytes.ts';
import { deleteKey } from '../keys/write.ts';
import { endHold, grantWaiting, leaveQueue, locksOf, stopUpgrading } from '../locks/grant.ts';
import { byTurn, type LockRequest } from '../locks/lock.ts';
import type { State } from '../state.ts';
import { isSession, type Lease, type SessionLease } from './lease.ts';

/**
 * First the queues are left, so that nothing is granted to the session that ends; then the holds end in the order in which they were
 * granted, each handing on to its successor; then the keys are deleted in their order. Memory order decides nothing: it
 * differs between a member that replayed and one that loaded.
 */
export function endLease(state: State, draft: Draft, lease: Lease, end: SessionEnd): void {
  if (isSession(lease)) endRequests(state, draft, lease, end);
  const nodes = [...lease.keys].toSorted((a, b) => (a.key < b.key ? -1 : 1));
  for (const node of nodes) deleteKey(state, draft, node, 'lease');
  state.leases.delete(lease.id);
  state.ledger.drop(lease);
  draft.deadline({ type: 'leaseEnded', lease: lease.id });
  if (!isSession(lease)) return;
  state.secrets.delete(latin1Of(lease.session.secretHash));
  for (const remembered of lease.session.remembered.values()) state.ledger.drop(remembered);
  draft.notify({ type: 'sessionEnded', session: lease.id, cause: end });
}

function endRequests(state: State, draft: Draft, { session, ttlMs }: SessionLease, end: SessionEnd): void {
  const requests = [...session.requests.values()];
  const waiting = requests.filter(({ isWaiting }) => isWaiting);
  for (const request of waiting) leaveQueue(state, request);
  const upgrading = requests.filter(({ isUpgrading }) => isUpgrading);
  for (const request of upgrading) stopUpgrading(state, request);
  // Whoever stood behind one that has left may fit where that did not.
  grantWaiting(state, draft, [...waiting, ...upgrading].flatMap(locksOf));
  const holds = requests.filter(({ isWaiting }) => !isWaiting).toSorted(byTurn);
  for (const hold of holds) {
    endHold(state, draft, hold, { end, cause: 'lease', delayMs: delayAfter(hold, ttlMs, end), heir: null });
  }
}

/**
 * In good order: none. Expired: what the holder asked for. Revoked by somebody else, it does not know yet: its TTL, after which
 * its signal has aborted by itself.
 */
function delayAfter(hold: LockRequest, ttlMs: number, end: SessionEnd): number {
  switch (end) {
    case 'closed':
      return 0;
    case 'expired':
      return hold.lockDelayMs;
    case 'revoked':
      return Math.max(hold.lockDelayMs, ttlMs);
  }
}
