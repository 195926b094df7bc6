// Sharing, permits, several locks at once, hand-over, deadlocks: what more than one may hold, and who gets it next.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LockClaim, type LockDescription, type LockName, limits } from '@conclave/protocol';
import { Member } from '../../testing/member.ts';
import {
  acquire,
  acquireAll,
  election,
  expire,
  lock,
  permits,
  put,
  release,
  semaphore,
  session,
  sessionOpen,
  share,
  txn,
} from '../../testing/operations.ts';
import { bytes } from '../../testing/plain.ts';
import type { Applied } from '../apply/apply.ts';

const [a, b, s] = [lock('a'), lock('b'), semaphore('s')];

test('readers share, a writer waits for all of them, and a reader behind a waiting writer waits its turn', () => {
  const member = withSessions(4);
  assert.deepEqual(stateOf(member.do(share(a), session(1, 1))), { state: 'held', fence: 1 });
  assert.deepEqual(stateOf(member.do(share(a), session(2, 1))), { state: 'held', fence: 2 });
  assert.deepEqual(stateOf(member.do(acquire(a), session(3, 1))), { state: 'queued', ahead: 2 });
  assert.deepEqual(stateOf(member.do(share(a), session(4, 1))), { state: 'queued', ahead: 3 });
  assert.deepEqual(granted(member.do(release(1, 1), session(1, 2))), []);
  assert.deepEqual(granted(member.do(release(1, 2), session(2, 2))), ['3:1']);
  assert.deepEqual(granted(member.do(release(1, 3), session(3, 2))), ['4:1']);
});

test('readers that stand together are granted at one revision, up to the next writer', () => {
  const member = withSessions(6);
  member.do(acquire(a), session(1, 1));
  for (const id of [2, 3, 4]) member.do(share(a), session(id, 1));
  member.do(acquire(a), session(5, 1));
  member.do(share(a), session(6, 1));
  assert.deepEqual(granted(member.do(release(1, 1), session(1, 2))), ['2:1', '3:1', '4:1']);
  assert.deepEqual(
    describe(member, a).holders.map(({ fence, session: id }) => [id, fence]),
    [
      [2, 2],
      [3, 2],
      [4, 2],
    ],
  );
});

test('a writer that gives up lets the readers behind it in', () => {
  for (const leaves of [
    (member: Member) => member.do({ type: 'lockCancel', sequence: 1 }, session(2, 2)),
    (member: Member) => member.do({ type: 'sessionClose', session: 2 }),
    (member: Member) => member.do(expire(2, member.term)),
  ]) {
    const member = withSessions(3);
    member.do(share(a), session(1, 1));
    member.do(acquire(a), session(2, 1));
    member.do(share(a), session(3, 1));
    assert.deepEqual(granted(leaves(member)), ['3:1']);
  }
});

test('of holds that began at one revision each has its own guard and release', () => {
  const member = withSessions(3);
  member.do(acquire(a), session(1, 1));
  for (const id of [2, 3]) member.do(share(a), session(id, 1));
  member.do(release(1, 1), session(1, 2));
  member.do(release(1, 2), session(2, 2));
  const isGuarded = (holder: { session: number; sequence: number } | null): boolean => {
    const guarded = txn([put('k', 'v')], { compares: [{ target: 'lock', name: a, fence: 2, holder }] });
    const { response } = member.do(guarded);
    return response?.type === 'txn' && response.succeeded;
  };
  assert.equal(isGuarded({ session: 2, sequence: 1 }), false);
  assert.equal(isGuarded({ session: 3, sequence: 1 }), true);
  assert.equal(isGuarded(null), true);
});

test('a break ends all holds of the fence, or the one that is named', () => {
  for (const named of [true, false]) {
    const member = withSessions(4);
    member.do(acquire(a), session(1, 1));
    for (const id of [2, 3]) member.do(share(a), session(id, 1));
    member.do(acquire(a), session(4, 1));
    member.do(release(1, 1), session(1, 2));
    const holder = named ? { session: 2, sequence: 1 } : null;
    const broken = member.do({ type: 'lockBreak', name: a, fence: 2, holder, now: true });
    assert.deepEqual(granted(broken), named ? [] : ['4:1']);
    assert.equal(describe(member, a).holding, 1);
  }
});

test('a delayed reader keeps its place against writers, and not against readers', () => {
  const member = withSessions(3);
  member.do(share(a, { lockDelayMs: 500 }), session(1, 1));
  assert.deepEqual(member.do(expire(1, member.term)).deadlines[0], {
    type: 'delayBegun',
    session: 1,
    sequence: 1,
    delayMs: 500,
  });
  assert.equal(stateOf(member.do(share(a), session(2, 1))).state, 'held');
  assert.equal(stateOf(member.do(acquire(a), session(3, 1))).state, 'queued');
  member.do(release(1, 2), session(2, 2));
  member.checkpoint();
  member.restart();
  assert.deepEqual(member.machine.deadlines().delays, [{ session: 1, sequence: 1, delayMs: 500 }]);
  const ended = member.do({ type: 'lockDelayEnd', session: 1, sequence: 1, term: member.term });
  assert.deepEqual(granted(ended), ['3:1']);
});

test('permits are given out until the next in the queue does not fit, and nobody slips past it', () => {
  const member = withSessions(4);
  assert.equal(stateOf(member.do(permits(s, 2, 3), session(1, 1))).state, 'held');
  assert.deepEqual(stateOf(member.do(permits(s, 2, 3), session(2, 1))), { state: 'queued', ahead: 1 });
  assert.deepEqual(stateOf(member.do(permits(s, 1, 3), session(3, 1))), { state: 'queued', ahead: 2 });
  assert.deepEqual(stateOf(member.do(permits(s, 1, 3, { wait: false }), session(4, 1))), { state: 'refused' });
  assert.deepEqual(granted(member.do(release(1, 1), session(1, 2))), ['2:1', '3:1']);
  assert.equal(describe(member, s).limit, 3);
});

test('a semaphore in use has one limit', () => {
  const member = withSessions(2);
  member.do(permits(s, 1, 3), session(1, 1));
  const { response } = member.do(permits(s, 1, 4), session(2, 1));
  assert.ok(response?.type === 'error');
  assert.deepEqual([response.code, response.details], ['INVALID_ARGUMENT', { limit: 3 }]);
  assert.match(response.message, /the semaphore has 3 permits while it is in use, not 4/);
  member.do(release(1, 1), session(1, 2));
  assert.equal(stateOf(member.do(permits(s, 1, 4), session(2, 2))).state, 'held');
});

test('several locks are granted together or not at all, and none is held while the others are awaited', () => {
  const member = withSessions(4);
  member.do(acquire(b), session(1, 1));
  assert.deepEqual(stateOf(member.do(both({ wait: false }), session(2, 1))), { state: 'refused' });
  assert.deepEqual(stateOf(member.do(both(), session(2, 2))), { state: 'queued', ahead: 1 });
  assert.equal(describe(member, a).holding, 0);
  // First come first served: whoever comes later for `a` alone stands behind it.
  assert.equal(stateOf(member.do(acquire(a), session(3, 1))).state, 'queued');
  assert.deepEqual(granted(member.do(release(1, 1), session(1, 2))), ['2:2']);
  assert.deepEqual(
    [a, b].map((name) => describe(member, name).holders[0]?.session),
    [2, 2],
  );
  assert.deepEqual(granted(member.do(release(2, 2), session(2, 3))), ['3:1']);
  assert.equal(describe(member, b).holding, 0);
});

test('who waits for several locks leaves all their queues at once', () => {
  const member = withSessions(4);
  member.do(acquire(b), session(1, 1));
  member.do(both(), session(2, 1));
  member.do(acquire(a), session(3, 1));
  assert.deepEqual(granted(member.do({ type: 'lockCancel', sequence: 1 }, session(2, 2))), ['3:1']);
  assert.equal(describe(member, b).waiting, 0);
});

test('an exclusive hold is handed to the one that is named, before its turn', () => {
  const member = withSessions(4);
  const name = election('e');
  for (const id of [1, 2, 3]) member.do(acquire(name, { value: bytes(`${id}`) }), session(id, 1));
  const absent = member.do(release(1, 1, { session: 4, sequence: 1 }), session(1, 2));
  assert.deepEqual(absent.response, { type: 'lockRelease', revision: 1, outcome: 'kept' });
  const handed = member.do(release(1, 1, { session: 3, sequence: 1 }), session(1, 3));
  assert.deepEqual(handed.response, { type: 'lockRelease', revision: 2, outcome: 'released' });
  assert.deepEqual(granted(handed), ['3:1']);
  assert.equal(handed.events?.events.length, 1);
  assert.deepEqual(
    describe(member, name).queue.map((waiter) => waiter.session),
    [2],
  );
});

test('a place that is kept after a break can be given up, under its fence', () => {
  const member = withSessions(2);
  member.do(acquire(a), session(1, 1));
  member.do(acquire(a), session(2, 1));
  const breakIt = { type: 'lockBreak', name: a, fence: 1, holder: null } as const;
  member.do({ ...breakIt, now: false });
  assert.deepEqual(granted(member.do({ ...breakIt, now: false })), []);
  assert.deepEqual(granted(member.do({ ...breakIt, fence: 2, now: true })), []);
  const ended = member.do({ ...breakIt, now: true });
  assert.deepEqual(granted(ended), ['2:1']);
  assert.deepEqual(ended.deadlines, [{ type: 'delayEnded', session: 1, sequence: 1 }]);
});

test('where many share, nobody is told that a writer waits', () => {
  for (const [readers, told] of [
    [64, 64],
    [65, 0],
  ] as const) {
    const member = withSessions(2);
    for (let at = 1; at <= readers; at++) member.do(share(a), session(1, at));
    assert.equal(member.do(acquire(a), session(2, 1)).notifications.length, told);
  }
});

test('the requests that wait are bounded, in all locks together', () => {
  const member = withSessions(12);
  const locks = Math.ceil(limits.maxWaitingRequests / 5_000);
  for (let at = 0; at < locks; at++) member.do(acquire(lock(`${at}`)), session(1, at + 1));
  let waiting = 0;
  let refused: string | null = null;
  for (let at = 0; at <= limits.maxWaitingRequests && refused === null; at++) {
    const owner = 2 + Math.floor(waiting / 9_900);
    const sequence = (waiting % 9_900) + 1;
    const asked = member.do(acquire(lock(`${at % locks}`)), session(owner, sequence, Math.max(1, sequence - 500)));
    refused = codeOf(asked);
    if (refused === null) waiting += 1;
  }
  assert.deepEqual([refused, waiting], ['LIMIT_EXCEEDED', limits.maxWaitingRequests]);
  // Whoever leaves makes room, also behind a load.
  member.checkpoint();
  member.restart();
  assert.equal(codeOf(member.do(acquire(lock('0')), session(12, 9_000))), 'LIMIT_EXCEEDED');
  // Neither may one more wait to have alone what it shares.
  for (const at of [9_001, 9_002]) member.do(share(lock('s')), session(12, at, 9_000));
  const upgrade = { type: 'lockConvert', sequence: 9_001, mode: 'exclusive', wait: true, keeping: [] } as const;
  assert.equal(codeOf(member.do(upgrade, session(12, 9_003, 9_000))), 'LIMIT_EXCEEDED');
  member.do(expire(2, member.term));
  assert.equal(codeOf(member.do(upgrade, session(12, 9_004, 9_000))), null);
  assert.equal(codeOf(member.do(acquire(lock('0')), session(12, 9_005, 9_001))), null);
});

test('the holder is told when somebody begins to wait, and the next holder that somebody does', () => {
  const member = withSessions(3);
  member.do(acquire(a), session(1, 1));
  const first = member.do(acquire(a), session(2, 1));
  assert.deepEqual(first.notifications, [{ type: 'contended', session: 1, sequence: 1 }]);
  assert.deepEqual(member.do(acquire(a), session(3, 1)).notifications, []);
  const next = member.do(release(1, 1), session(1, 2)).notifications;
  assert.deepEqual(next[0], { type: 'granted', session: 2, sequence: 1, fence: 2, contended: true });
});

test('a request that would wait for itself is refused, and the cycle is named', () => {
  const member = withSessions(3);
  member.do(acquire(a), session(1, 1));
  member.do(acquire(b), session(2, 1));
  assert.equal(stateOf(member.do(acquire(b, { keeping: [1] }), session(1, 2))).state, 'queued');
  const { response } = member.do(acquire(a, { keeping: [1] }), session(2, 2));
  assert.ok(response?.type === 'error');
  assert.equal(response.code, 'DEADLOCK');
  assert.equal(response.outcome, 'not-applied');
  assert.equal(response.details['cycle'], 'lock "a" (2:2) → lock "b" (1:2) → lock "a" (2:2)');
  // Nothing of it stays.
  assert.equal(describe(member, a).waiting, 0);
  assert.deepEqual(granted(member.do(release(1, 2), session(2, 3))), ['1:2']);
});

test('holders of permits that all wait for another one wait for ever, and no sooner', () => {
  const member = withSessions(3);
  for (const id of [1, 2, 3]) member.do(permits(s, 1, 3), session(id, 1));
  assert.equal(stateOf(member.do(permits(s, 1, 3, { keeping: [1] }), session(1, 2))).state, 'queued');
  // 3 may give its own back: then 1 has two, ends, and 2 has what it wants.
  assert.equal(stateOf(member.do(permits(s, 1, 3, { keeping: [1] }), session(2, 2))).state, 'queued');
  const { response } = member.do(permits(s, 1, 3, { keeping: [1] }), session(3, 2));
  assert.ok(response?.type === 'error');
  assert.equal(response.code, 'DEADLOCK');
  assert.match(String(response.details['cycle']), /^semaphore "s" \(3:2\) → .*semaphore "s" \(3:2\)$/);
  assert.deepEqual(granted(member.do(release(1, 3), session(3, 3))), ['1:2']);
});

test('permits that are kept count for as many as they are', () => {
  const member = withSessions(3);
  member.do(permits(s, 2, 4), session(1, 1));
  member.do(permits(s, 1, 4), session(2, 1));
  member.do(acquire(a), session(3, 1));
  // 1 keeps two of four, and waits for a; 3 has a, and wants three: one more than there can be.
  member.do(acquire(a, { keeping: [1] }), session(1, 2));
  assert.equal(codeOf(member.do(permits(s, 3, 4, { keeping: [1] }), session(3, 2))), 'DEADLOCK');
  assert.equal(stateOf(member.do(permits(s, 2, 4, { keeping: [1] }), session(3, 3))).state, 'queued');
});

test('the circle of a request for several names what it waits for, and not what is free', () => {
  const member = withSessions(2);
  member.do(acquire(a), session(1, 1));
  member.do(acquire(b), session(2, 1));
  const several: LockClaim[] = [
    { mode: 'exclusive', name: lock('free') },
    { mode: 'exclusive', name: b },
  ];
  member.do(acquireAll(several, { keeping: [1] }), session(1, 2));
  const { response } = member.do(acquire(a, { keeping: [1] }), session(2, 2));
  assert.ok(response?.type === 'error');
  assert.equal(response.details['cycle'], 'lock "a" (2:2) → lock "b" (1:2) → lock "a" (2:2)');
});

test('who keeps nothing while it waits is in no cycle: another task of the session may give the lock back', () => {
  const member = withSessions(2);
  member.do(acquire(a), session(1, 1));
  member.do(acquire(b), session(2, 1));
  assert.equal(stateOf(member.do(acquire(b), session(1, 2))).state, 'queued');
  assert.equal(stateOf(member.do(acquire(a, { keeping: [1] }), session(2, 2))).state, 'queued');
});

test('a cycle is found through queues and after a load, and gone with the hold that made it', () => {
  const member = withSessions(4);
  member.do(acquire(a), session(1, 1));
  member.do(acquire(b), session(2, 1));
  // 3 waits for a behind nobody, 4 for b while it keeps nothing; 1 stands behind 4.
  member.do(acquire(b), session(4, 1));
  member.do(acquire(b, { keeping: [1] }), session(1, 2));
  member.checkpoint();
  member.restart();
  assert.equal(codeOf(member.do(acquire(a, { keeping: [1] }), session(2, 2))), 'DEADLOCK');
  member.do(release(1, 1), session(1, 3));
  assert.equal(stateOf(member.do(acquire(a, { keeping: [1] }), session(2, 3))).state, 'held');
});

test('a circle is found through long queues', () => {
  const member = withSessions(4);
  member.do(acquire(a), session(1, 1));
  member.do(acquire(b), session(2, 1));
  for (let sequence = 1; sequence <= 1_000; sequence++) member.do(acquire(b), session(3, sequence));
  assert.equal(stateOf(member.do(acquire(b, { keeping: [1] }), session(1, 2))).state, 'queued');
  assert.equal(codeOf(member.do(acquire(a, { keeping: [1] }), session(2, 2))), 'DEADLOCK');
});

test('a chain of waiting that is longer than is looked through is no deadlock', () => {
  const count = 10_100;
  const member = withSessions(2);
  member.do(acquire(a), session(1, 1));
  let sequence = 1;
  const next = (): ReturnType<typeof session> => {
    sequence += 1;
    return session(2, sequence, Math.max(1, sequence - 500));
  };
  // Long queues in several locks: the search ends, and says nothing.
  for (let at = 0; at < count; at++) {
    const claims: LockClaim[] = [{ mode: 'exclusive', name: lock(`l${at % 64}`) }];
    const { response } = member.do(acquireAll(claims), next());
    if (response?.type === 'error') break;
  }
  const all = Array.from({ length: limits.maxLockClaims }, (_, at): LockClaim => {
    return { mode: 'exclusive', name: lock(`l${at}`) };
  });
  assert.equal(stateOf(member.do(acquireAll(all, { keeping: [1] }), session(1, 2))).state, 'queued');
});

test('the requests for one lock are bounded', () => {
  const member = withSessions(3);
  member.do(acquire(a), session(1, 1));
  let sequence = 0;
  const ask = (id: number): Applied => {
    sequence += 1;
    return member.do(share(a), session(id, sequence, Math.max(1, sequence - 500)));
  };
  for (let at = 1; at < limits.maxLockQueue; at++) ask(2);
  assert.equal(codeOf(ask(3)), 'LIMIT_EXCEEDED');
});

test('who held a lock before is remembered, for the locks used last, also after a restart', () => {
  const member = withSessions(3);
  member.do(acquire(a), session(1, 1));
  member.do(release(1, 1), session(1, 2));
  member.do(acquire(a), session(2, 1));
  member.do(expire(2, member.term));
  member.do(acquire(a), session(3, 1));
  member.do({ type: 'lockBreak', name: a, fence: 3, holder: null, now: true });
  member.checkpoint();
  member.restart();
  assert.deepEqual(
    describe(member, a).past.map(({ end, fence, session: id }) => [id, fence, end]),
    [
      [3, 3, 'broken'],
      [2, 2, 'expired'],
      [1, 1, 'released'],
    ],
  );
  let sequence = 1;
  for (let at = 0; at < limits.maxPastLocks; at++) {
    sequence += 2;
    const { revision } = member.do(acquire(lock(`${at}`)), session(3, sequence, sequence - 1));
    member.do(release(sequence, revision), session(3, sequence + 1, sequence - 1));
  }
  assert.deepEqual(describe(member, a).past, []);
  assert.equal(describe(member, lock('0')).past.length, 1);
});

test('what is claimed makes sense, or is refused', () => {
  const member = withSessions(1);
  const exclusive = (name: LockName): LockClaim => ({ mode: 'exclusive', name });
  const nonsense: readonly (readonly LockClaim[])[] = [
    [],
    [exclusive(a), exclusive(a)],
    [exclusive(a), exclusive(election('e'))],
    [exclusive(s)],
    [{ mode: 'shared', name: election('e') }],
    [{ mode: 'permits', name: a, limit: 1, count: 1 }],
    [{ mode: 'permits', name: s, limit: 1, count: 2 }],
  ];
  for (const claims of nonsense) {
    assert.throws(() => member.do(acquireAll(claims), session(1, 1)), { code: 'INVALID_ARGUMENT' });
  }
  assert.throws(() => member.do(acquire(a, { keeping: [1, 1] }), session(1, 1)), { code: 'INVALID_ARGUMENT' });
  assert.throws(() => member.do(acquire(a, { keeping: [1], wait: false }), session(1, 1)), {
    code: 'INVALID_ARGUMENT',
  });
});

function both(more: { readonly wait?: boolean } = {}): ReturnType<typeof acquireAll> {
  const claims = [a, b].map((name): LockClaim => ({ mode: 'exclusive', name }));
  return acquireAll(claims, more);
}

function withSessions(count: number): Member {
  const member = new Member();
  for (let at = 0; at < count; at++) member.do(sessionOpen(at));
  return member;
}

function describe(member: Member, name: LockName): LockDescription {
  const found = member.machine.query({ type: 'lock', name });
  assert.ok(found.type === 'lock');
  return found.lock;
}

function stateOf({ response }: Applied): { readonly state: string } {
  assert.ok(response?.type === 'lockAcquire', response?.type === 'error' ? response.message : 'no answer');
  const { type: _, revision: __, ...state } = response;
  return state;
}

/** `session:sequence`, in the order in which they are told. */
function granted({ notifications }: Applied): string[] {
  return notifications.flatMap((one) => (one.type === 'granted' ? `${one.session}:${one.sequence}` : []));
}

function codeOf({ response }: Applied): string | null {
  return response?.type === 'error' ? response.code : null;
}
