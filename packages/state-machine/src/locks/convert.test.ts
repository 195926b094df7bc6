// From sharing to having alone and back, in place: who gets it when, and who would wait for ever.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LockClaim, type LockConvert, type LockConvertResult, type LockDescription } from '@conclave/protocol';
import { Member } from '../../testing/member.ts';
import {
  acquire,
  acquireAll,
  election,
  expire,
  lock,
  release,
  session,
  sessionOpen,
  share,
  txn,
} from '../../testing/operations.ts';
import type { Applied } from '../apply/apply.ts';

const a = lock('a');

test('who shares a lock with nobody has it alone at once, and a new fence; so has who shares it again', () => {
  const member = withSessions(3);
  member.do(share(a), session(1, 1));
  assert.deepEqual(answerOf(member.do(up(1), session(1, 2))), { revision: 2, outcome: 'held', fence: 2 });
  assert.equal(stateOf(member.do(share(a), session(2, 1))), 'queued');
  assert.equal(stateOf(member.do(acquire(a), session(3, 1))), 'queued');
  const shared = member.do(down(1), session(1, 3));
  assert.deepEqual(answerOf(shared), { revision: 3, outcome: 'held', fence: 3 });
  assert.deepEqual(
    granted(shared),
    ['2:1 under 3'],
    'the reader at the head comes in with it, the writer behind does not',
  );
  assert.deepEqual(modes(member), ['shared', 'shared']);
  // What changes nothing is no grant.
  assert.deepEqual(answerOf(member.do(down(1), session(1, 4))), { revision: 3, outcome: 'held', fence: 3 });
});

test('an upgrade waits for those who share it, before everybody in the queue, and nobody new comes in meanwhile', () => {
  const member = withSessions(5);
  for (const id of [1, 2, 3]) member.do(share(a), session(id, 1));
  const waits = member.do(up(1), session(1, 2));
  assert.deepEqual(answerOf(waits), { revision: 3, outcome: 'queued', fence: 1 });
  assert.deepEqual(told(waits, 'contended'), ['2:1', '3:1'], 'not the one that asks');
  assert.equal(stateOf(member.do(share(a), session(4, 1))), 'queued', 'a stream of readers would starve it');
  assert.equal(stateOf(member.do(share(a, { wait: false }), session(5, 1))), 'refused');
  assert.deepEqual(
    describe(member).queue.map(({ mode, session: id }) => `${id} ${mode}`),
    ['1 exclusive', '4 shared'],
  );
  member.checkpoint();
  member.restart();
  assert.deepEqual(granted(member.do(release(1, 2), session(2, 2))), []);
  assert.deepEqual(granted(member.do(release(1, 3), session(3, 2))), ['1:1 under 4']);
  assert.deepEqual(modes(member), ['exclusive']);
  // Its old fence ends and guards nothing any more.
  assert.equal(isGuarded(member, 1), false);
  assert.equal(isGuarded(member, 4), true);
  member.do(release(1, 1), session(1, 3));
  assert.deepEqual(modes(member), ['exclusive']);
  assert.deepEqual(granted(member.do(release(1, 4), session(1, 4))), ['4:1 under 5']);
});

test('while it waits it shares on, and what takes the wait back lets the queue in', () => {
  const ways: readonly ((member: Member) => Applied)[] = [
    (member) => member.do(down(1), session(1, 3)),
    (member) => member.do(release(1, 1), session(1, 3)),
    (member) => member.do({ type: 'lockCancel', sequence: 1 }, session(1, 3)),
    (member) => member.do({ type: 'sessionClose', session: 1 }),
    (member) => member.do(expire(1, member.term)),
    (member) => member.do({ type: 'lockBreak', name: a, fence: 1, holder: null, now: true }),
    // Its place is kept against writers, and not against the reader.
    (member) => member.do({ type: 'lockBreak', name: a, fence: 1, holder: null, now: false }),
  ];
  for (const [at, way] of ways.entries()) {
    const member = withSessions(4);
    member.do(share(a, { lockDelayMs: 500 }), session(1, 1));
    member.do(share(a), session(2, 1));
    member.do(up(1), session(1, 2));
    member.do(share(a), session(3, 1));
    assert.equal(isGuarded(member, 1), true);
    assert.deepEqual(granted(way(member)), ['3:1 under 3'], `way ${at}`);
    // Nothing of the wait is left: the next one may.
    assert.equal(answerOf(member.do(up(1), session(2, 2)))?.outcome, 'queued', `way ${at}`);
  }
});

test('nothing is granted to a session that ends, also not when its own other hold was all that stood in the way', () => {
  const member = withSessions(2);
  for (const sequence of [1, 2]) member.do(share(a), session(1, sequence));
  member.do(up(2), session(1, 3));
  member.do(acquire(a), session(2, 1));
  const closed = member.do({ type: 'sessionClose', session: 1 }, session(1, 4));
  assert.deepEqual(granted(closed), ['2:1 under 3']);
});

test('two that would wait for each other: the second is refused, and told the circle', () => {
  const member = withSessions(2);
  for (const id of [1, 2]) member.do(share(a), session(id, 1));
  member.do(up(1), session(1, 2));
  const { response } = member.do(up(1), session(2, 2));
  assert.ok(response?.type === 'error');
  assert.deepEqual([response.code, response.outcome], ['DEADLOCK', 'not-applied']);
  assert.equal(response.details['cycle'], 'lock "a" (2:1) → lock "a" (1:1) → lock "a" (2:1)');
  assert.deepEqual(modes(member), ['shared', 'shared']);
  assert.deepEqual(granted(member.do(release(1, 2), session(2, 3))), ['1:1 under 3']);
});

test('a circle through an upgrade and kept holds is found, whoever closes it, also behind a load', () => {
  for (const upgradesLast of [true, false]) {
    const member = withSessions(2);
    member.do(acquire(lock('b')), session(1, 1));
    for (const id of [1, 2]) member.do(share(a), session(id, 2));
    // 2 waits for b and keeps a; 1 has b, and wants a alone.
    const wanting = (): Applied => member.do(acquire(lock('b'), { keeping: [2] }), session(2, 3));
    const upgrading = (): Applied => member.do(up(2, { keeping: [1] }), session(1, 3));
    const [first, second] = upgradesLast ? [wanting, upgrading] : [upgrading, wanting];
    assert.equal(codeOf(first()), null);
    member.checkpoint();
    member.restart();
    assert.equal(codeOf(second()), 'DEADLOCK');
    // Who does not say that he keeps b may give it back.
    if (upgradesLast) assert.equal(answerOf(member.do(up(2), session(1, 4)))?.outcome, 'queued');
  }
});

test('an upgrade that goes before somebody who keeps his share of the lock while he waits for it closes a circle itself', () => {
  const member = withSessions(3);
  for (const id of [1, 2]) member.do(share(a), session(id, 1));
  member.do(acquire(lock('b')), session(3, 1));
  // 2 keeps its share of a, and waits for b and for another share of a: behind the upgrade it would not get that one.
  const both: readonly LockClaim[] = [
    { mode: 'shared', name: a },
    { mode: 'exclusive', name: lock('b') },
  ];
  assert.equal(stateOf(member.do(acquireAll(both, { keeping: [1] }), session(2, 2))), 'queued');
  assert.equal(codeOf(member.do(up(1), session(1, 2))), 'DEADLOCK');
  // Refused, it stands in nobody's way.
  assert.deepEqual(granted(member.do(release(1, 3), session(3, 2))), ['2:2 under 4']);
});

test('two that would wait for each other are found among any number who share it', () => {
  const member = withSessions(9);
  for (const id of [1, 2]) member.do(share(a), session(id, 1));
  for (let at = 0; at < 7_000; at++) {
    member.do(share(a), session(3 + (at % 7), Math.floor(at / 7) + 1));
  }
  assert.equal(answerOf(member.do(up(1), session(1, 2)))?.outcome, 'queued');
  assert.equal(codeOf(member.do(up(1), session(2, 2))), 'DEADLOCK');
  assert.equal(
    answerOf(member.do({ type: 'lockConvert', sequence: 1, mode: 'shared', wait: false, keeping: [] }, session(1, 3)))
      ?.outcome,
    'held',
  );
});

test('a share that is kept is not to be had alone, also where nobody else has one, if somebody waits for a share in front of what it is kept for', () => {
  const member = withSessions(3);
  member.do(share(a), session(1, 1));
  member.do(acquire(lock('b')), session(3, 1));
  // 2 could share a, and waits for b; 1 waits behind it, and keeps its share meanwhile.
  const both: readonly LockClaim[] = [
    { mode: 'shared', name: a },
    { mode: 'exclusive', name: lock('b') },
  ];
  member.do(acquireAll(both), session(2, 1));
  member.do(acquire(lock('b'), { keeping: [1] }), session(1, 2));
  assert.equal(codeOf(member.do(up(1), session(1, 3))), 'DEADLOCK');
  assert.deepEqual(modes(member), ['shared']);
  assert.deepEqual(granted(member.do(release(1, 2), session(3, 2))), ['2:1 under 3']);
});

test('who waits in the queue waits for an upgrade, too: the circle goes through it', () => {
  const member = withSessions(3);
  for (const id of [1, 2]) member.do(share(a), session(id, 1));
  member.do(acquire(lock('b')), session(3, 1));
  member.do(up(1), session(1, 2));
  // 3 stands behind the upgrade of 1, which waits for 2, which wants what 3 keeps.
  assert.equal(stateOf(member.do(share(a, { keeping: [1] }), session(3, 2))), 'queued');
  assert.equal(codeOf(member.do(acquire(lock('b'), { keeping: [1] }), session(2, 2))), 'DEADLOCK');
});

test('what is no hold of one lock has no mode that changes, and who does not want to wait is told so', () => {
  const member = withSessions(2);
  member.do(acquire(election('e')), session(1, 1));
  const claims = [
    { mode: 'shared', name: a },
    { mode: 'shared', name: lock('b') },
  ] as const;
  member.do(acquireAll(claims), session(1, 2));
  for (const sequence of [1, 2])
    assert.equal(codeOf(member.do(down(sequence), session(1, 2 + sequence))), 'INVALID_ARGUMENT');
  assert.deepEqual(answerOf(member.do(down(9), session(1, 5))), { revision: 2, outcome: 'ended', fence: null });
  member.do(share(a), session(2, 1));
  assert.deepEqual(answerOf(member.do(up(1, { wait: false }), session(2, 2))), {
    revision: 3,
    outcome: 'refused',
    fence: 3,
  });
  assert.deepEqual(answerOf(member.do(up(1), session(2, 3)))?.outcome, 'queued');
  assert.equal(codeOf(member.do(up(1), { identity: { by: 'none' } })), 'INVALID_ARGUMENT');
});

function up(sequence: number, more: Partial<LockConvert> = {}): LockConvert {
  return { type: 'lockConvert', sequence, mode: 'exclusive', wait: true, keeping: [], ...more };
}

function down(sequence: number): LockConvert {
  return { type: 'lockConvert', sequence, mode: 'shared', wait: false, keeping: [] };
}

function withSessions(count: number): Member {
  const member = new Member();
  for (let at = 0; at < count; at++) member.do(sessionOpen(at));
  return member;
}

function describe(member: Member): LockDescription {
  const found = member.machine.query({ type: 'lock', name: a });
  assert.ok(found.type === 'lock');
  return found.lock;
}

function modes(member: Member): string[] {
  return describe(member).holders.map(({ mode }) => mode);
}

function isGuarded(member: Member, fence: number): boolean {
  const guard = { target: 'lock', name: a, fence, holder: { session: 1, sequence: 1 } } as const;
  const { response } = member.do(txn([], { compares: [guard] }));
  return response?.type === 'txn' && response.succeeded;
}

function answerOf({ response }: Applied): Omit<LockConvertResult, 'type'> | null {
  if (response?.type !== 'lockConvert') return null;
  const { fence, outcome, revision } = response;
  return { revision, outcome, fence };
}

function stateOf({ response }: Applied): string | null {
  return response?.type === 'lockAcquire' ? response.state : null;
}

function granted({ notifications }: Applied): string[] {
  return notifications.flatMap((one) => {
    return one.type === 'granted' ? `${one.session}:${one.sequence} under ${one.fence}` : [];
  });
}

function told({ notifications }: Applied, type: 'contended'): string[] {
  return notifications.flatMap((one) => (one.type === type ? `${one.session}:${one.sequence}` : []));
}

function codeOf({ response }: Applied): string | null {
  return response?.type === 'error' ? response.code : null;
}
