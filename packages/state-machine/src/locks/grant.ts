// How a lock changes hands. A grant happens while an entry is applied, to the first request that waits, and only to a session that is
// alive then: one whose end the log brought first has left the queue (etcd#11456: granted after waiting, to a lease long gone).
import { type DeleteCause, type Fence, type LeaseId } from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import { invariant } from '../damage.ts';
import type { KeyNode } from '../keys/key-version.ts';
import { living } from '../keys/key-version.ts';
import { deleteKey, writeKey } from '../keys/write.ts';
import type { State } from '../state.ts';
import { type Lock, type LockRequest, publishedKey, requestEventBytes, requestWeight } from './lock.ts';

/** The lock is free and not delayed; `request` is not in its queue. The fence is the revision of this entry. */
export function grant(state: State, draft: Draft, request: LockRequest): void {
  const { lock, session } = request;
  invariant(lock.holder === null && lock.delay === null, 'granted while held or delayed');
  invariant(state.leases.get(session.id) === session, 'granted to a session that has ended');
  lock.holder = request;
  request.fence = draft.revision;
  request.sinceWallMs = draft.wallTimeMs;
  draft.grants += 1;
  state.ledger.touch(request);
  if (request.value === null) return;
  // A new leader's value begins the key anew, so its create revision is the fence for as long as this leader leads.
  publish(state, draft, lock, request.value, session.id, true);
}

/** The holder is gone: the next in the queue is granted, unless nobody waits or the lock is delayed. */
export function grantNext(state: State, draft: Draft, lock: Lock): boolean {
  invariant(lock.holder === null, 'the next is granted while one holds');
  if (lock.delay !== null) return false;
  const [next] = lock.queue;
  if (next === undefined) {
    state.locks.delete(lock.key);
    return false;
  }
  lock.queue.delete(next);
  grant(state, draft, next);
  draft.notify({ type: 'granted', session: next.session.id, sequence: next.sequence, fence: next.fence });
  return true;
}

/**
 * Ends the hold and grants the next. What the election published is replaced by the successor's value, or deleted: one revision
 * either way. With `delayMs` nobody is granted until the leader's `lockDelayEnd`.
 */
export function endHold(state: State, draft: Draft, request: LockRequest, delayMs: number, cause: DeleteCause): void {
  const { lock } = request;
  invariant(lock.holder === request, 'a hold ends that is none');
  lock.holder = null;
  forget(state, request);
  answerReleased(state, request);
  if (delayMs > 0) beginDelay(state, draft, lock, request.fence, delayMs);
  if (grantNext(state, draft, lock) || lock.name.kind === 'lock') return;
  const node = publishedNode(state, lock);
  deleteKey(state, draft, node, cause);
}

/** The request waits no more; the lock goes when nothing keeps it. */
export function leaveQueue(state: State, request: LockRequest): void {
  const { lock } = request;
  const waited = lock.queue.delete(request);
  invariant(waited, 'a request leaves a queue that it is not in');
  forget(state, request);
  if (lock.holder === null && lock.delay === null && lock.queue.size === 0) state.locks.delete(lock.key);
}

export function endDelay(state: State, draft: Draft, lock: Lock): void {
  const { delay } = lock;
  invariant(delay !== null, 'a delay ends that is none');
  lock.delay = null;
  state.ledger.drop(lock);
  draft.deadline({ type: 'delayEnded', name: lock.name, fence: delay.fence });
  grantNext(state, draft, lock);
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

function beginDelay(state: State, draft: Draft, lock: Lock, fence: Fence, delayMs: number): void {
  lock.delay = { fence, delayMs };
  state.ledger.touch(lock);
  draft.deadline({ type: 'delayBegun', name: lock.name, fence, delayMs });
}

function forget(state: State, request: LockRequest): void {
  const { session, lock } = request;
  session.session.requests.delete(request.sequence);
  session.session.requestWeight -= requestWeight(lock.name);
  session.session.requestEventBytes -= requestEventBytes(lock.name);
  state.ledger.drop(request);
}

/** An acquire that comes again is told what became of its hold, until the client has acknowledged it. */
function answerReleased(state: State, request: LockRequest): void {
  const remembered = request.session.session.remembered.get(request.sequence);
  if (remembered === undefined) return;
  remembered.answer = { form: 'released', fence: request.fence };
  state.ledger.touch(remembered);
}
