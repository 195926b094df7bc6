// Exactly once (Raft dissertation §6.3): a command that comes again gets the answer that it got, and has no effect.
import { decodeOperation, type Identity, limits, type Operation, ProtocolError } from '@conclave/protocol';
import { maxEvictionsPerEntry } from '../bounds.ts';
import { latin1Of } from '../keys/key-bytes.ts';
import { limitExceeded } from '../keys/plan.ts';
import { isSession, type SessionLease } from '../leases/lease.ts';
import type { Response } from '../response.ts';
import type { State } from '../state.ts';
import { keepForKey, keepForSession, recall } from './answer.ts';
import { Keyed, Remembered } from './remembered.ts';

type SessionIdentity = Extract<Identity, { by: 'session' }>;
type KeyIdentity = Extract<Identity, { by: 'key' }>;

/** The session that the command belongs to. Throws SESSION_EXPIRED: nothing is applied for a session that is not there. */
export function sessionOfCommand(state: State, { session: id }: SessionIdentity): SessionLease {
  const lease = state.leases.get(id);
  if (isSession(lease)) return lease;
  // A copy of the command may have been applied before the session ended; this one was not.
  throw new ProtocolError('SESSION_EXPIRED', `session ${id} has ended or never was`, 'unknown');
}

/**
 * Takes note of what the client gave up, then looks whether the command was answered before. Null: it is new. Throws
 * STALE_SEQUENCE for one whose answer was given up, and LIMIT_EXCEEDED beyond the window, which is not remembered.
 */
export function recallForSession(state: State, lease: SessionLease, identity: SessionIdentity): Response | null {
  acknowledge(state, lease, identity.acknowledgedBelow);
  const { session } = lease;
  const { sequence } = identity;
  if (sequence < session.acknowledgedBelow) {
    throw new ProtocolError(
      'STALE_SEQUENCE',
      `sequence ${sequence} was answered; the client gave up answers below ${session.acknowledgedBelow}`,
      'unknown',
    );
  }
  const remembered = session.remembered.get(sequence);
  if (remembered !== undefined) {
    return recall(remembered.answer, session.requests.get(sequence), state.counters.revision);
  }
  if (sequence >= session.acknowledgedBelow + limits.maxSessionWindow) {
    throw limitExceeded(
      `sequence ${sequence} lies too far above ${session.acknowledgedBelow}, the first not acknowledged`,
      limits.maxSessionWindow,
    );
  }
  return null;
}

/**
 * Throws FENCED for a command that came over a connection from which the session has moved on. Only for one that is new: what was answered before
 * is answered so again, whichever way it comes. Not remembered, for the same sequence may come over the present connection.
 */
export function checkEpoch({ session }: SessionLease, { epoch, session: id }: SessionIdentity): void {
  if (epoch >= session.epoch) return;
  throw new ProtocolError(
    'FENCED',
    `session ${id} goes on over a connection with epoch ${session.epoch}; this command came with epoch ${epoch}`,
    'not-applied',
  );
}

/** Not if the command ended its own session: then there is nobody to ask again. */
export function rememberForSession(state: State, lease: SessionLease, sequence: number, response: Response): void {
  if (state.leases.get(lease.id) !== lease) return;
  const { session } = lease;
  const { answer, bytes } = keepForSession(response, state.counters.revision, session.rememberedBytes);
  const remembered = new Remembered(lease.id, sequence, answer, bytes);
  session.remembered.set(sequence, remembered);
  session.rememberedBytes += bytes;
  state.ledger.touch(remembered);
}

function acknowledge(state: State, lease: SessionLease, below: number): void {
  const { session } = lease;
  const from = session.acknowledgedBelow;
  if (below <= from) return;
  session.acknowledgedBelow = below;
  state.ledger.touch(lease);
  if (below - from <= session.remembered.size) {
    for (let sequence = from; sequence < below; sequence++) forget(state, lease, sequence);
  } else {
    for (const sequence of session.remembered.keys()) if (sequence < below) forget(state, lease, sequence);
  }
}

function forget(state: State, { session }: SessionLease, sequence: number): void {
  const remembered = session.remembered.get(sequence);
  if (remembered === undefined) return;
  session.remembered.delete(sequence);
  session.rememberedBytes -= remembered.bytes;
  state.ledger.drop(remembered);
}

/** Whoever takes all the keys that there may be keeps nobody from these, with which an operator helps the others to their right. */
const givesRoom: ReadonlySet<Operation['type']> = new Set<Operation['type']>([
  'lockBreak',
  'leaseRevoke',
  'sessionClose',
  'compact',
]);

/** Null: the key is new, or the time for which it counts is over. */
export function recallForKey(state: State, identity: KeyIdentity, operation: Uint8Array): Response | null {
  const keyed = state.keyed.get(latin1Of(identity.key));
  if (keyed !== undefined && keyed.expiresAtMs > state.counters.clusterTimeMs) {
    return recall(keyed.answer, undefined, state.counters.revision);
  }
  // Not the oldest is thrown out: somebody relies on it. The newcomer is told.
  if (keyed === undefined && state.keyed.size >= roomFor(state, operation)) {
    throw limitExceeded('the cluster remembers as many idempotency keys as it may', limits.maxIdempotencyKeys);
  }
  return null;
}

/** Keys that there may be when this one comes. Decoded only where it matters. */
function roomFor({ keyed }: State, operation: Uint8Array): number {
  if (keyed.size < limits.maxIdempotencyKeys || !givesRoom.has(decodeOperation(operation).type)) {
    return limits.maxIdempotencyKeys;
  }
  return limits.maxIdempotencyKeys + limits.reservedIdempotencyKeys;
}

export function rememberForKey(state: State, identity: KeyIdentity, order: number, response: Response): void {
  const key = latin1Of(identity.key);
  const expired = state.keyed.get(key);
  if (expired !== undefined) evict(state, expired);
  const { clusterTimeMs, revision } = state.counters;
  const keyed = new Keyed(key, order, clusterTimeMs + limits.idempotencyTtlMs, keepForKey(response, revision));
  state.keyed.set(key, keyed);
  state.ledger.touch(keyed);
}

/** Each entry removes some of the keys whose time is over, so that no single one removes a hundred thousand. */
export function evictExpired(state: State): void {
  let left = maxEvictionsPerEntry;
  for (const keyed of state.keyed.values()) {
    if (left === 0 || keyed.expiresAtMs > state.counters.clusterTimeMs) return;
    evict(state, keyed);
    left -= 1;
  }
}

function evict(state: State, keyed: Keyed): void {
  state.keyed.delete(keyed.key);
  state.ledger.drop(keyed);
}
