import assert from 'node:assert/strict';
import { test } from 'node:test';
import { electionKey, type LockName, limits, type Result } from '@conclave/protocol';
import { Member } from '../../testing/member.ts';
import {
  acquire,
  election,
  expire,
  lock,
  one,
  proclaim,
  put,
  range,
  release,
  session,
  sessionOpen,
  txn,
} from '../../testing/operations.ts';
import { bytes, plain, text } from '../../testing/plain.ts';
import { maxElectionValueBytes } from '../bounds.ts';
import type { Refusal } from '../response.ts';

const a = lock('a');

test('a lock is granted in the order of the log, each grant with a larger fence that is its revision', () => {
  const member = withSessions(3);
  assert.deepEqual(ask(member, 1, 1, a), { state: 'held', fence: 1 });
  assert.deepEqual(ask(member, 2, 1, a), { state: 'queued', ahead: 1 });
  assert.deepEqual(ask(member, 3, 1, a), { state: 'queued', ahead: 2 });
  const first = member.do(release(1, 1), session(1, 2));
  assert.deepEqual(
    first.notifications.filter(({ type }) => type === 'granted'),
    [{ type: 'granted', session: 2, sequence: 1, fence: 2, contended: true }],
  );
  const second = member.do(release(1, 2), session(2, 2));
  assert.deepEqual(second.notifications[0], { type: 'granted', session: 3, sequence: 1, fence: 3, contended: false });
  assert.equal(second.revision, 3);
});

test('nothing is granted to a session whose end the log brought first (etcd#11456)', () => {
  const member = withSessions(3);
  for (const id of [1, 2, 3]) ask(member, id, 1, a);
  member.do(expire(2, member.term));
  const { notifications } = member.do(release(1, 1), session(1, 2));
  assert.deepEqual(notifications[0], { type: 'granted', session: 3, sequence: 1, fence: 2, contended: false });
});

test('a session that ends is not granted its own second request', () => {
  const member = withSessions(2);
  ask(member, 1, 1, a);
  ask(member, 1, 2, a);
  ask(member, 2, 1, a);
  const { notifications } = member.do({ type: 'sessionClose', session: 1 }, session(1, 3));
  assert.deepEqual(notifications, [
    { type: 'granted', session: 2, sequence: 1, fence: 2, contended: false },
    { type: 'sessionEnded', session: 1, cause: 'closed' },
  ]);
});

test('a release sent again never ends a later hold, of the same session neither (etcd#22082)', () => {
  const member = withSessions(1);
  ask(member, 1, 1, a);
  ask(member, 1, 2, a);
  member.do(release(1, 1), session(1, 3));
  // The same command again, and the same release under a new identity.
  assert.equal(member.do(release(1, 1), session(1, 3)).repeated, true);
  assert.deepEqual(member.do(release(1, 1), session(1, 4)).response, {
    type: 'lockRelease',
    revision: 2,
    outcome: 'ended',
  });
  assert.deepEqual(ask(member, 1, 2, a), { state: 'held', fence: 2 });
});

test('a resent acquire answers with the present state of its hold', () => {
  const member = withSessions(2);
  ask(member, 1, 1, a);
  assert.deepEqual(ask(member, 2, 1, a), { state: 'queued', ahead: 1 });
  member.do(release(1, 1), session(1, 2));
  assert.deepEqual(ask(member, 2, 1, a), { state: 'held', fence: 2 });
  member.do(release(1, 2), session(2, 2));
  assert.deepEqual(ask(member, 2, 1, a), { state: 'released', fence: 2 });
});

test('only the session that holds may release; anybody may break, and then the next grant waits', () => {
  const member = withSessions(2);
  ask(member, 1, 1, a);
  ask(member, 2, 1, a);
  const others = member.do(release(1, 1), session(2, 2)).response;
  assert.equal(others?.type === 'lockRelease' && others.outcome, 'ended');
  const broken = member.do({ type: 'lockBreak', name: a, fence: 1, holder: null, now: false });
  assert.deepEqual(broken.response, { type: 'lockBreak', revision: 1, broken: true, delayMs: 10_000 });
  assert.deepEqual(plain(broken.deadlines), [plain({ type: 'delayBegun', session: 1, sequence: 1, delayMs: 10_000 })]);
  const told = { type: 'broken', session: 1, sequence: 1, fence: 1, author: null, reason: null } as const;
  assert.deepEqual(broken.notifications, [{ ...told, delayMs: 10_000 }]);
  assert.equal(
    member.do({ type: 'lockDelayEnd', session: 1, sequence: 1, term: member.term + 1 }).notifications.length,
    0,
  );
  const ended = member.do({ type: 'lockDelayEnd', session: 1, sequence: 1, term: member.term });
  assert.deepEqual(ended.notifications, [{ type: 'granted', session: 2, sequence: 1, fence: 2, contended: false }]);
});

test('broken at once, a hold ends before the next is granted, and its holder is told first', () => {
  const member = withSessions(2);
  ask(member, 1, 1, a);
  ask(member, 2, 1, a);
  const broken = member.do({ type: 'lockBreak', name: a, fence: 1, holder: null, now: true });
  assert.deepEqual(broken.notifications, [
    { type: 'broken', session: 1, sequence: 1, fence: 1, delayMs: 0, author: null, reason: null },
    { type: 'granted', session: 2, sequence: 1, fence: 2, contended: false },
  ]);
  assert.deepEqual(broken.deadlines, []);
});

test('a session that somebody else closes does not know it yet either', () => {
  const member = withSessions(2);
  ask(member, 1, 1, a);
  ask(member, 2, 1, a);
  const { notifications } = member.do({ type: 'sessionClose', session: 1 }, session(2, 2));
  assert.deepEqual(notifications, [{ type: 'sessionEnded', session: 1, cause: 'revoked' }]);
});

test('a revoked session does not know it yet: its locks are granted again only after its ttl', () => {
  const member = withSessions(2);
  ask(member, 1, 1, a);
  ask(member, 2, 1, a);
  const { notifications, deadlines } = member.do({ type: 'leaseRevoke', lease: 1 });
  assert.deepEqual(notifications, [{ type: 'sessionEnded', session: 1, cause: 'revoked' }]);
  assert.deepEqual(plain(deadlines[0]), plain({ type: 'delayBegun', session: 1, sequence: 1, delayMs: 10_000 }));
});

test('a session that is revoked under its own name does not know it either: one part of a program revokes what another holds by', () => {
  const member = withSessions(2);
  ask(member, 1, 1, a);
  ask(member, 2, 1, a);
  const { notifications, deadlines } = member.do({ type: 'leaseRevoke', lease: 1 }, session(1, 2));
  assert.deepEqual(notifications, [{ type: 'sessionEnded', session: 1, cause: 'revoked' }]);
  assert.deepEqual(plain(deadlines[0]), plain({ type: 'delayBegun', session: 1, sequence: 1, delayMs: 10_000 }));
});

test('a lock-delay counts after an expiry, and not after an orderly end', () => {
  for (const orderly of [true, false]) {
    const member = withSessions(1);
    member.do(acquire(a, { lockDelayMs: 700 }), session(1, 1));
    if (orderly) member.do({ type: 'sessionClose', session: 1 }, session(1, 2));
    else member.do(expire(1, member.term));
    member.do(sessionOpen(9));
    const state = ask(member, 2, 1, a);
    assert.deepEqual(state, orderly ? { state: 'held', fence: 2 } : { state: 'queued', ahead: 0 });
  }
});

test('a cancel that overtakes its acquire prevents it', () => {
  const member = withSessions(1);
  const cancelled = member.do({ type: 'lockCancel', sequence: 1 }, session(1, 2));
  assert.deepEqual(cancelled.response, { type: 'lockCancel', revision: 0, was: 'ended' });
  assert.deepEqual(ask(member, 1, 1, a), { state: 'cancelled' });
  assert.equal(member.machine.revision, 0);
});

test('wait: false is refused while it is held, and the refusal is remembered', () => {
  const member = withSessions(2);
  ask(member, 1, 1, a);
  const impatient = acquire(a, { wait: false });
  assert.deepEqual(stateOf(member.do(impatient, session(2, 1)).response), { state: 'refused' });
  member.do(release(1, 1), session(1, 2));
  assert.deepEqual(stateOf(member.do(impatient, session(2, 1)).response), { state: 'refused' });
});

test('a transaction can be guarded by a lock: the fence decides', () => {
  const member = withSessions(2);
  ask(member, 1, 1, a);
  const guarded = txn([put('k', 'v')], { compares: [{ target: 'lock', name: a, fence: 1, holder: null }] });
  const succeeded = (): unknown => {
    const { response } = member.do(guarded);
    return response?.type === 'txn' && response.succeeded;
  };
  assert.equal(succeeded(), true);
  member.do({ type: 'sessionClose', session: 1 });
  ask(member, 2, 1, a);
  assert.equal(succeeded(), false);
});

test('a change of leader is one revision in which the value is replaced, and its create revision is the fence', () => {
  const member = withSessions(2);
  const name = election('e');
  member.do(acquire(name, { value: bytes('one') }), session(1, 1));
  member.do(acquire(name, { value: bytes('two') }), session(2, 1));
  member.do(proclaim(name, 1, 'one, later'), session(1, 2));
  assert.deepEqual(published(member, 'e'), {
    value: 'one, later',
    createRevision: 1,
    modRevision: 2,
    version: 2,
    lease: 1,
  });
  const { events, revision } = member.do(expire(1, member.term));
  assert.equal(revision, 3);
  assert.deepEqual(
    events?.events.map(({ type, previous }) => [type, text(previous!.value!)]),
    [['put', 'one, later']],
  );
  assert.deepEqual(published(member, 'e'), { value: 'two', createRevision: 3, modRevision: 3, version: 1, lease: 2 });
  assert.deepEqual(member.do(proclaim(name, 1, 'late'), session(2, 2)).response, {
    type: 'proclaim',
    revision: 3,
    written: false,
  });
  const left = member.do(release(1, 3), session(2, 3));
  assert.deepEqual(
    left.events?.events.map((event) => [event.type, event.type === 'delete' && event.cause]),
    [['delete', 'release']],
  );
});

test('the end of a session is one revision: holds handed on, queues left, keys deleted', () => {
  const member = withSessions(2);
  ask(member, 1, 1, a);
  ask(member, 2, 1, a);
  member.do(acquire(election('e')), session(1, 2));
  ask(member, 2, 2, lock('b'));
  ask(member, 1, 3, lock('b'));
  for (const key of ['z', 'y']) member.do(put(key, 'v', { lease: 1 }));
  const before = member.machine.revision;
  const { revision, events } = member.do(expire(1, member.term));
  assert.equal(revision, before + 1);
  assert.deepEqual(
    events?.events.map((event) => [event.type, event.type === 'delete' ? text(event.key) : '']),
    [
      ['delete', `\u0000ee`],
      ['delete', 'y'],
      ['delete', 'z'],
    ],
  );
  assert.deepEqual(ask(member, 2, 1, a), { state: 'held', fence: before + 1 });
});

test('an expiry decided in another term, or of another generation, does nothing (etcd#15247, #12528)', () => {
  const member = withSessions(1);
  member.term = 5;
  for (const stale of [expire(1, 4), expire(1, 6), expire(1, 5, 2)]) {
    const { response, notifications } = member.do(stale);
    assert.deepEqual([response, notifications], [null, []]);
    assert.ok(member.machine.session(1));
  }
  member.do(expire(1, 5));
  assert.equal(member.machine.session(1), null);
});

test('holds and keys of a session are bounded where they are made, so that its end never is too large', () => {
  const member = withSessions(1);
  let sequence = 0;
  const next = (): ReturnType<typeof session> => {
    sequence += 1;
    return session(1, sequence, Math.max(1, sequence - 1));
  };
  for (let i = 0; i < limits.maxChangesPerEntry - 1; i++) member.do(acquire(lock(`${i}`)), next());
  assert.equal(codeOf(member.do(acquire(election('x')), next()).response), 'LIMIT_EXCEEDED');
  assert.equal(stateOf(member.do(acquire(lock('last')), next()).response).state, 'held');
  assert.equal(codeOf(member.do(acquire(lock('one too many')), next()).response), 'LIMIT_EXCEEDED');
  assert.equal(codeOf(member.do(put('k', 'v', { lease: 1 }), next()).response), 'LIMIT_EXCEEDED');
  // What was released makes room again.
  assert.deepEqual(member.do(release(1, 1), next()).response?.type, 'lockRelease');
  assert.equal(stateOf(member.do(acquire(lock('again')), next()).response).state, 'held');
  assert.equal(member.do({ type: 'sessionClose', session: 1 }).notifications.length, 1);
});

test('the keys of a lease are bounded in bytes of events', () => {
  const member = new Member();
  member.do({ type: 'leaseGrant', ttlMs: 5_000 });
  const large = 'x'.repeat(1_000_000);
  for (let i = 0; i < 16; i++) assert.equal(codeOf(member.do(put(`${i}`, large, { lease: 1 })).response), null);
  assert.equal(codeOf(member.do(put('more', large, { lease: 1 })).response), 'LIMIT_EXCEEDED');
  // Shorter values make room again.
  member.do(put('0', '', { lease: 1 }));
  assert.equal(codeOf(member.do(put('more', large, { lease: 1 })).response), null);
});

test('a key that moves to another lease counts there', () => {
  const member = new Member();
  for (let i = 0; i < 2; i++) member.do({ type: 'leaseGrant', ttlMs: 5_000 });
  const large = 'x'.repeat(1_000_000);
  for (let i = 0; i < 16; i++) member.do(put(`${i}`, large, { lease: 1 }));
  member.do(put('mover', large, { lease: 2 }));
  assert.equal(codeOf(member.do(put('mover', large, { lease: 1 })).response), 'LIMIT_EXCEEDED');
  member.do(put('0', large, { lease: 2 }));
  assert.equal(codeOf(member.do(put('mover', large, { lease: 1 })).response), null);
});

test('an election publishes small values only', () => {
  const member = withSessions(1);
  const value = new Uint8Array(maxElectionValueBytes + 1);
  assert.equal(codeOf(member.do(acquire(election('e'), { value }), session(1, 1)).response), 'TOO_LARGE');
});

function withSessions(count: number): Member {
  const member = new Member();
  for (let i = 0; i < count; i++) member.do(sessionOpen(i));
  return member;
}

function ask(member: Member, id: number, sequence: number, name: LockName): object {
  return stateOf(member.do(acquire(name), session(id, sequence)).response);
}

function stateOf(response: Result | Refusal | null): { readonly state: string } {
  assert.ok(response?.type === 'lockAcquire');
  const { type: _, revision: __, ...state } = response;
  return state;
}

function published(member: Member, name: string): object {
  const found = member.machine.query(range({ key: electionKey(bytes(name)), end: null }));
  assert.ok(found.type === 'range');
  const { key: _, value, ...entry } = found.entries[0]!;
  return { value: text(value!), ...entry };
}

function codeOf(response: Result | Refusal | null): string | null {
  return response?.type === 'error' ? response.code : null;
}

test('locks are listed in the order of their names, page by page', () => {
  const member = withSessions(1);
  for (const [i, name] of ['b', 'a', 'c', 'ab'].entries()) ask(member, 1, i + 1, lock(name));
  member.do(acquire(election('a')), session(1, 5));
  const page = (after: string | null): unknown => {
    const found = member.machine.query({
      type: 'locks',
      kind: 'lock',
      after: after === null ? null : bytes(after),
      limit: 2,
    });
    return found.type === 'locks' && [found.locks.map(({ name }) => text(name.name)), found.more];
  };
  assert.deepEqual(page(null), [['a', 'ab'], true]);
  assert.deepEqual(page('ab'), [['b', 'c'], false]);
  assert.deepEqual(page('c'), [[], false]);
});

test('an ordinary key and a published value do not meet', () => {
  const member = withSessions(1);
  member.do(acquire(election('e')), session(1, 1));
  const all = member.machine.query(range({ key: bytes(''), end: bytes('') }));
  assert.ok(all.type === 'range');
  assert.equal(all.count, 0);
  const named = member.machine.query(range(one('\u0000ee')));
  assert.ok(named.type === 'range');
  assert.equal(named.count, 1);
});
