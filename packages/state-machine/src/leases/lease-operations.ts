import {
  type LeaseCheckpoint,
  type LeaseExpire,
  type LeaseGrant,
  type LeaseGrantResult,
  type LeaseRevoke,
  type LeaseRevokeResult,
  limits,
  type SessionAttach,
  type SessionAttachResult,
  type SessionClose,
  type SessionOpen,
  type SessionOpenResult,
  type SessionProof,
  type SessionStanding,
} from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import { latin1Of } from '../keys/key-bytes.ts';
import { limitExceeded } from '../keys/plan.ts';
import { checkDelayed } from '../locks/lock-operations.ts';
import type { State } from '../state.ts';
import { isSession, Lease, Session } from './lease.ts';
import { endLease } from './lease-end.ts';

const firstGeneration = 1;
const firstSequence = 1;
/** Of the connection that opened it. */
const firstEpoch = 0;

export function leaseGrant(state: State, draft: Draft, { ttlMs }: LeaseGrant): LeaseGrantResult {
  const lease = begin(state, draft, ttlMs, null);
  return { type: 'leaseGrant', lease: lease.id, ttlMs };
}

/** The secret names the session until the client knows its id: an open that comes again finds the session that it made. */
export function sessionOpen(state: State, draft: Draft, operation: SessionOpen): SessionOpenResult {
  const secret = latin1Of(operation.secretHash);
  const known = state.secrets.get(secret);
  draft.isRepeat = known !== undefined;
  const lease = known ?? beginSession(state, draft, operation, secret);
  return { type: 'sessionOpen', session: lease.id, ttlMs: lease.ttlMs };
}

function beginSession(state: State, draft: Draft, operation: SessionOpen, secret: string): Lease {
  const session = new Session(operation.secretHash.slice(), operation.metadata, firstSequence, firstEpoch);
  const lease = begin(state, draft, operation.ttlMs, session);
  if (isSession(lease)) state.secrets.set(secret, lease);
  return lease;
}

/** All that one connection claims. A claim that is not taken changes nothing for the others. */
export function sessionAttach(state: State, draft: Draft, { sessions }: SessionAttach): SessionAttachResult {
  return { type: 'sessionAttach', sessions: sessions.map((proof) => attach(state, draft, proof)) };
}

function attach(state: State, draft: Draft, { epoch, secretHash, session: id }: SessionProof): SessionStanding {
  const lease = state.secrets.get(latin1Of(secretHash));
  // An equal epoch is somebody else's, or an earlier sending of this one: nobody could tell their connections apart.
  if (lease === undefined || lease.id !== id || lease.session.epoch >= epoch) return { session: id, ttlMs: null };
  lease.session.epoch = epoch;
  state.ledger.touch(lease);
  draft.notify({ type: 'sessionMoved', session: id, epoch });
  return { session: id, ttlMs: lease.ttlMs };
}

/** Of a session, too; also of the one that asks, whose holder may be somebody else of the same client, and does not know of it yet. */
export function leaseRevoke(state: State, draft: Draft, operation: LeaseRevoke): LeaseRevokeResult {
  const lease = state.leases.get(operation.lease);
  if (lease !== undefined) revoke(state, draft, lease);
  return { type: 'leaseRevoke', revision: draft.reached, existed: lease !== undefined };
}

export function sessionClose(state: State, draft: Draft, operation: SessionClose): LeaseRevokeResult {
  const lease = state.leases.get(operation.session);
  const existed = isSession(lease);
  // By the session itself it is an orderly end; by anybody else its holder does not know of it.
  if (existed && lease === draft.session) endLease(state, draft, lease, 'closed');
  else if (existed) revoke(state, draft, lease);
  return { type: 'leaseRevoke', revision: draft.reached, existed };
}

function revoke(state: State, draft: Draft, lease: Lease): void {
  if (isSession(lease)) checkDelayed(state);
  endLease(state, draft, lease, 'revoked');
}

/** A leader that was deposed, or stalled, may not expire what a later one renewed (etcd#15247, #12528): the term must be the entry's. */
export function leaseExpire(state: State, draft: Draft, operation: LeaseExpire): void {
  const lease = state.leases.get(operation.lease);
  if (lease === undefined || lease.generation !== operation.generation || operation.term !== draft.term) return;
  endLease(state, draft, lease, 'expired');
}

/** In the leader's own term only: a later one has begun from what it found. */
export function leaseCheckpoint(state: State, draft: Draft, { leases, term }: LeaseCheckpoint): void {
  if (term !== draft.term) return;
  for (const { lease: id, remainingMs } of leases) {
    const lease = state.leases.get(id);
    if (lease === undefined) continue;
    lease.remainingMs = remainingMs;
    state.ledger.touch(lease);
  }
  draft.deadline({ type: 'leasesCheckpointed' });
}

/**
 * A command of the session is in the log, so its client was alive when it was proposed, and is told so by the answer: what had been noted of its time is
 * void. True: something was.
 */
export function livesAnew(state: State, lease: Lease): boolean {
  if (lease.remainingMs === null) return false;
  lease.remainingMs = null;
  state.ledger.touch(lease);
  return true;
}

function begin(state: State, draft: Draft, ttlMs: number, session: Session | null): Lease {
  const { counters } = state;
  // Plain leases count too: they cost the same, and the leader keeps a deadline for each.
  if (state.leases.size >= limits.maxSessions) {
    throw limitExceeded('the cluster has as many sessions and leases as it may', limits.maxSessions);
  }
  const lease = new Lease(counters.nextLease, ttlMs, firstGeneration, null, session);
  counters.nextLease += 1;
  state.leases.set(lease.id, lease);
  state.ledger.touch(lease);
  draft.deadline({ type: 'leaseGranted', lease: lease.id, generation: lease.generation, ttlMs });
  return lease;
}
