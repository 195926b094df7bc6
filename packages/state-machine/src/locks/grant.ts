// How a lock changes hands. A grant happens while an entry is applied, to requests at the head of their queues, and only to a session
// that is alive then: one whose end the log brought first has left the queue (etcd#11456: granted after waiting, to a lease long gone).
import { type DeleteCause, type HoldEnd, type LeaseId } from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import { invariant } from '../damage.ts';
import { type KeyNode, living } from '../keys/key-version.ts';
import { deleteKey, writeKey } from '../keys/write.ts';
import type { SessionLease } from '../leases/lease.ts';
import type { State } from '../state.ts';
import {
  byTurn,
  type Claim,
  fits,
  type Lock,
  type LockMode,
  type LockRequest,
  occupy,
  publishedKey,
  requestEventBytes,
  requestName,
  requestWeight,
  vacate,
} from './lock.ts';
import { notePast } from './past.ts';

/** Nobody is before it, and there is room. `request` is in no queue. */
export function mayHoldAtOnce({ claims }: LockRequest): boolean {
  return claims.every((claim) => claim.lock.queue.size === 0 && fits(claim)) && nobodyUpgrades(claims);
}

/** There is room, and it is in no queue. The fence is the revision of this entry. */
export function grant(state: State, draft: Draft, request: LockRequest): void {
  const session = sessionOf(request);
  invariant(request.claims.every(fits), 'granted without room');
  invariant(state.leases.get(session.id) === session, 'granted to a session that has ended');
  occupy(request);
  keepNothing(request);
  request.fence = draft.revision;
  request.sinceWallMs = draft.wallTimeMs;
  draft.grants += 1;
  state.ledger.touch(request);
  if (request.value === null) return;
  // A new leader's value begins the key anew, so its create revision is the fence for as long as this leader leads.
  publish(state, draft, request.lock, request.value, session.id, true);
}

/**
 * Grants whatever these locks have room for, first come first served. Readers that stand together are granted together; whoever does not
 * fit holds up everybody behind him, so that nobody starves. Locks that nobody wants any more are gone.
 *
 * Two requests that may be granted have no lock in common, because both are the first in the queues of theirs: it does not matter which comes first,
 * and each grant makes others possible in its own locks only.
 */
export function grantWaiting(state: State, draft: Draft, locks: readonly Lock[]): void {
  const granted: LockRequest[] = [];
  const toLookAt = [...new Set(locks)];
  for (let lock = toLookAt.pop(); lock !== undefined; lock = toLookAt.pop()) {
    const { holders, upgrading } = lock;
    if (upgrading !== null) {
      if (holders.size > 1) continue;
      stopUpgrading(state, upgrading);
      convert(state, draft, upgrading, 'exclusive');
      granted.push(upgrading);
      continue;
    }
    const next = head(lock);
    if (next === null || !isNext(next)) continue;
    leaveQueues(state, next);
    grant(state, draft, next);
    granted.push(next);
    for (const claim of next.claims) toLookAt.push(claim.lock);
  }
  for (const request of granted.toSorted(byTurn)) notifyGranted(draft, request);
  for (const lock of locks) if (lock.holders.size === 0 && lock.queue.size === 0) state.locks.delete(lock.key);
}

/** In place, under a new fence: whoever acts under the old one may not have heard. The caller grants to those whom it makes room for. */
export function convert(state: State, draft: Draft, hold: LockRequest, mode: LockMode): void {
  const [claim] = hold.claims;
  invariant(claim !== undefined && !hold.isUpgrading && !hold.isDelayed, 'converted what is no hold');
  vacate(hold);
  claim.mode = mode;
  invariant(fits(claim), 'converted without room');
  occupy(hold);
  hold.fence = draft.revision;
  draft.grants += 1;
  state.ledger.touch(hold);
}

/** It goes on sharing, or ends, or is about to have it alone. */
export function stopUpgrading(state: State, hold: LockRequest): void {
  invariant(hold.lock.upgrading === hold, 'an upgrade ends that is none');
  hold.lock.upgrading = null;
  hold.isUpgrading = false;
  state.crowd.waiting -= 1;
  keepNothing(hold);
  hold.keeping = [];
  state.ledger.touch(hold);
}

/** Hands an exclusive hold that has just ended to this one, before its turn. */
export function grantHeir(state: State, draft: Draft, heir: LockRequest): void {
  leaveQueues(state, heir);
  grant(state, draft, heir);
  notifyGranted(draft, heir);
}

/** What a hold ends with. */
export interface Ending {
  readonly end: HoldEnd;
  /** Of what the election published, when nobody succeeds. */
  readonly cause: DeleteCause;
  /** Nobody is granted what it held until the leader's `lockDelayEnd`. */
  readonly delayMs: number;
  readonly heir: LockRequest | null;
}

/** Ends the hold and grants the next. What the election published is replaced by the successor's value, or deleted: one revision either way. */
export function endHold(state: State, draft: Draft, request: LockRequest, ending: Ending): void {
  const { lock } = request;
  invariant(lock.holders.has(request) && !request.isDelayed, 'a hold ends that is none');
  const { isUpgrading } = request;
  if (isUpgrading) stopUpgrading(state, request);
  notePast(state, draft, request, ending.end);
  answerReleased(state, request);
  detachFromSession(request);
  if (ending.delayMs > 0) {
    beginDelay(state, draft, request, ending.delayMs);
    // Its place keeps writers out, and no readers, who had waited behind it.
    if (isUpgrading) grantWaiting(state, draft, [lock]);
  } else {
    vacate(request);
    state.ledger.drop(request);
    if (ending.heir !== null) grantHeir(state, draft, ending.heir);
    grantWaiting(state, draft, locksOf(request));
  }
  if (lock.name.kind !== 'election' || holds(lock)) return;
  const node = publishedNode(state, lock);
  deleteKey(state, draft, node, ending.cause);
}

/** The request waits no more. What it held up is for the caller to grant: `grantWaiting`. */
export function leaveQueue(state: State, request: LockRequest): void {
  invariant(request.isWaiting, 'a request leaves a queue and does not wait');
  leaveQueues(state, request);
  keepNothing(request);
  detachFromSession(request);
  state.ledger.drop(request);
}

export function endDelay(state: State, draft: Draft, request: LockRequest): void {
  invariant(request.isDelayed, 'a delay ends that is none');
  vacate(request);
  state.delayed.delete(requestName(request.owner, request.sequence));
  state.ledger.drop(request);
  draft.deadline({ type: 'delayEnded', session: request.owner, sequence: request.sequence });
  grantWaiting(state, draft, locksOf(request));
}

export function publish(
  state: State,
  draft: Draft,
  { name }: Lock,
  value: Uint8Array,
  session: LeaseId,
  fresh: boolean,
): void {
  const key = publishedKey(name);
  writeKey(state, draft, key, state.keys.get(key), value, session, fresh);
}

/** The key that the leader of an election publishes under, which exists as long as one leads. */
export function publishedNode(state: State, lock: Lock): KeyNode {
  const node = state.keys.get(publishedKey(lock.name));
  invariant(node !== undefined && living(node) !== null, 'a leader leads and publishes nothing');
  return node;
}

export function sessionOf({ session }: LockRequest): SessionLease {
  invariant(session !== null, 'a request of a session that has ended');
  return session;
}

export function locksOf({ claims }: LockRequest): readonly Lock[] {
  return claims.map(({ lock }) => lock);
}

function head({ queue }: Lock): LockRequest | null {
  const [first] = queue;
  return first ?? null;
}

function isNext(request: LockRequest): boolean {
  return request.claims.every((claim) => head(claim.lock) === request && fits(claim)) && nobodyUpgrades(request.claims);
}

function nobodyUpgrades(claims: readonly Claim[]): boolean {
  return claims.every(({ lock }) => lock.upgrading === null);
}

function holds(lock: Lock): boolean {
  for (const { isDelayed } of lock.holders) if (!isDelayed) return true;
  return false;
}

function leaveQueues(state: State, request: LockRequest): void {
  state.crowd.waiting -= 1;
  for (const { lock } of request.claims) {
    const waited = lock.queue.delete(request);
    invariant(waited, 'a request leaves a queue that it is not in');
  }
}

function keepNothing(request: LockRequest): void {
  const { requests } = sessionOf(request).session;
  for (const sequence of request.keeping) requests.get(sequence)?.keptBy.delete(request);
}

function beginDelay(state: State, draft: Draft, request: LockRequest, delayMs: number): void {
  request.delayMs = delayMs;
  request.sinceWallMs = draft.wallTimeMs;
  state.delayed.set(requestName(request.owner, request.sequence), request);
  state.ledger.touch(request);
  draft.deadline({ type: 'delayBegun', session: request.owner, sequence: request.sequence, delayMs });
}

function detachFromSession(request: LockRequest): void {
  const { session } = sessionOf(request);
  session.requests.delete(request.sequence);
  session.requestWeight -= requestWeight(request.claims);
  session.requestEventBytes -= requestEventBytes(request.claims);
  request.keptBy.clear();
  request.session = null;
}

function notifyGranted(draft: Draft, request: LockRequest): void {
  const { fence, owner: session, sequence } = request;
  const contended = request.claims.some(({ lock }) => lock.queue.size > 0);
  draft.notify({ type: 'granted', session, sequence, fence, contended });
}

/** An acquire that comes again is told what became of its hold, until the client has acknowledged it. */
function answerReleased(state: State, request: LockRequest): void {
  const remembered = sessionOf(request).session.remembered.get(request.sequence);
  if (remembered === undefined) return;
  remembered.answer = { form: 'released', fence: request.fence };
  state.ledger.touch(remembered);
}
