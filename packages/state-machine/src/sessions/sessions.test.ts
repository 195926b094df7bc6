import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits, type Operation, type Put } from '@conclave/protocol';
import { type Header, Member } from '../../testing/member.ts';
import {
  acquire,
  everything,
  lock,
  put,
  range,
  remove,
  session,
  sessionAttach,
  sessionOpen,
  txn,
} from '../../testing/operations.ts';
import { bytes, hex } from '../../testing/plain.ts';
import { maxEvictionsPerEntry, maxRememberedBytesPerSession } from '../bounds.ts';
import type { Response } from '../response.ts';

test('a command of a session that has ended, or never was, is not applied', () => {
  const member = withSession();
  member.do({ type: 'sessionClose', session: 1 });
  for (const id of [1, 77]) {
    const { response } = member.do(put('a', '1'), session(id, 1));
    assert.ok(response?.type === 'error');
    // A copy may have been applied before the session ended: whoever repeats it under a new identity may do it twice.
    assert.deepEqual([response.code, response.outcome], ['SESSION_EXPIRED', 'unknown']);
  }
  assert.equal(member.machine.revision, 0);
});

test('a command that comes again gets the same answer and has no effect, in whatever order', () => {
  const member = withSession();
  const second = member.do(put('a', '2'), session(1, 2));
  const first = member.do(put('a', '1'), session(1, 1));
  for (const [sequence, applied] of [
    [1, first],
    [2, second],
  ] as const) {
    const again = member.do(put('a', `${sequence}`), session(1, sequence));
    assert.equal(again.repeated, true);
    assert.deepEqual(again.response, applied.response);
    assert.equal(again.events, null);
  }
  assert.equal(member.machine.revision, 2);
});

test('a resumption is taken when the session lives, the secret is its own, and the epoch is larger than any before', () => {
  const member = withSession();
  const claim = (epoch: number, more: { session?: number; secret?: number } = {}): unknown => {
    const { notifications, response } = member.do(sessionAttach({ session: 1, epoch, ...more }));
    assert.ok(response?.type === 'sessionAttach');
    const moved = notifications.map((one) => (one.type === 'sessionMoved' ? one.epoch : one.type));
    return [response.sessions.map(({ ttlMs }) => ttlMs), moved];
  };
  assert.deepEqual(claim(2, { secret: 9 }), [[null], []]);
  assert.deepEqual(claim(2, { session: 7 }), [[null], []]);
  assert.deepEqual(claim(2), [[10_000], [2]]);
  assert.deepEqual(claim(2), [[null], []]);
  assert.deepEqual(claim(1), [[null], []]);
  member.checkpoint();
  member.restart();
  assert.deepEqual(claim(2), [[null], []], 'it is part of the state');
  assert.deepEqual(claim(7), [[10_000], [7]]);
  member.do({ type: 'sessionClose', session: 1 });
  assert.deepEqual(claim(8), [[null], []]);
});

test('a command that came over a connection which the session has left is not applied, unless it was before', () => {
  const member = withSession();
  const first = member.do(put('a', '1'), session(1, 1));
  member.do(sessionAttach({ session: 1, epoch: 1 }));
  const late = member.do(put('b', '2'), session(1, 2));
  assert.ok(late.response?.type === 'error');
  assert.deepEqual([late.response.code, late.response.outcome], ['FENCED', 'not-applied']);
  assert.equal(member.machine.revision, 1);
  const again = member.do(put('a', '1'), session(1, 1));
  assert.deepEqual([again.repeated, again.response], [true, first.response], 'what was answered is answered so again');
  // Refused is not answered: the same command over the present connection has its turn.
  const present = member.do(put('b', '2'), session(1, 2, 1, 1));
  assert.deepEqual([present.repeated, present.response?.type], [false, 'put']);
});

test('a refusal is remembered like any answer', () => {
  const member = withSession();
  const orphan = put('a', '1', { lease: 2 });
  assert.equal(codeOf(member.do(orphan, session(1, 1)).response), 'NOT_FOUND');
  member.do({ type: 'leaseGrant', ttlMs: 5_000 });
  const again = member.do(orphan, session(1, 1));
  assert.equal(again.repeated, true);
  assert.equal(codeOf(again.response), 'NOT_FOUND');
  assert.equal(member.do(orphan, session(1, 2)).response?.type, 'put');
});

test('the words of an error are not part of the state: members of different releases must agree', () => {
  const member = withSession();
  member.do(put('a', '1', { lease: 2 }), session(1, 1));
  for (const { value } of member.checkpoint().changes) {
    assert.ok(value !== null && !hex(value).includes(hex(bytes('lease'))) && !hex(value).includes('006c006500610073'));
  }
});

test('garbage is refused, the same on every member, and remembered', () => {
  const member = withSession();
  for (const garbage of [new Uint8Array(0), Uint8Array.of(0xc1), bytes('hello'), new Uint8Array(400).fill(0x91)]) {
    const { response, events } = member.do(garbage);
    assert.equal(codeOf(response), 'INVALID_ARGUMENT');
    assert.equal(events, null);
  }
  member.do(Uint8Array.of(0xc1), session(1, 1));
  member.checkpoint();
  member.restart();
  assert.equal(codeOf(member.do(put('a', '1'), session(1, 1)).response), 'INVALID_ARGUMENT');
});

test('what the client gave up is stale, and takes no memory', () => {
  const member = withSession();
  for (let sequence = 1; sequence <= 5; sequence++) member.do(put('a', '1'), session(1, sequence));
  member.do(put('a', '1'), session(1, 6, 5));
  const { response } = member.do(put('a', '1'), session(1, 4));
  assert.ok(response?.type === 'error');
  assert.deepEqual([response.code, response.outcome], ['STALE_SEQUENCE', 'unknown']);
  const { changes } = member.checkpoint();
  assert.deepEqual(
    changes.filter(({ key }) => key[0] === 0x06).map(({ key }) => key.at(-1)),
    [5, 6],
  );
});

test('a sequence beyond the window is refused, and may come again when the window has moved', () => {
  const member = withSession();
  const far = limits.maxSessionWindow + 1;
  assert.equal(codeOf(member.do(put('a', '1'), session(1, far)).response), 'LIMIT_EXCEEDED');
  assert.equal(member.do(put('a', '1'), session(1, far, 2)).response?.type, 'put');
});

test('of an answer too large to keep, that and when it was applied is remembered', () => {
  const member = withSession();
  member.do(put('a', 'x'.repeat(limits.maxRememberedResponseBytes)));
  const large = remove(everything, true);
  assert.equal(member.do(large, session(1, 1)).response?.type, 'delete');
  const { response } = member.do(large, session(1, 1));
  assert.ok(response?.type === 'error');
  assert.deepEqual(
    [response.code, response.details['revision'], response.outcome],
    ['RESPONSE_FORGOTTEN', 2, 'unknown'],
  );
});

test('the answers remembered for one session are bounded together', () => {
  const member = withSession();
  member.do(put('a', 'x'.repeat(60_000)));
  const read = txn([range(everything)]);
  const count = Math.floor(maxRememberedBytesPerSession / 60_000);
  for (let sequence = 1; sequence <= count + 1; sequence++) member.do(read, session(1, sequence));
  assert.equal(member.do(read, session(1, count)).response?.type, 'txn');
  assert.equal(codeOf(member.do(read, session(1, count + 1)).response), 'RESPONSE_FORGOTTEN');
  // The same after a load: what is counted is stored.
  member.checkpoint();
  member.restart();
  assert.equal(codeOf(member.do(read, session(1, count + 2)).response), 'txn');
  assert.equal(codeOf(member.do(read, session(1, count + 2)).response), 'RESPONSE_FORGOTTEN');
  member.do(read, session(1, count + 3, 3));
  assert.equal(codeOf(member.do(read, session(1, count + 3)).response), 'txn');
});

test('an idempotency key counts for its time, and then is free again', () => {
  const member = new Member();
  assert.equal(member.do(put('a', '1'), keyed('once', 1_000)).repeated, false);
  assert.equal(member.do(put('a', '1'), keyed('once', 1_000 + limits.idempotencyTtlMs - 1)).repeated, true);
  assert.equal(member.do(put('a', '1'), keyed('once', 1_000 + limits.idempotencyTtlMs)).repeated, false);
  assert.equal(member.machine.revision, 2);
});

test('an expired key counts as new before it is removed', () => {
  const member = new Member();
  const count = maxEvictionsPerEntry * 3;
  for (let i = 0; i < count; i++) member.do(put('a', '1'), keyed(`${i}`));
  assert.equal(member.do(put('a', '1'), keyed(`${count - 1}`, limits.idempotencyTtlMs)).repeated, false);
  assert.equal(member.do(put('a', '1'), keyed(`${count - 1}`, limits.idempotencyTtlMs)).repeated, true);
});

test('cluster time never goes back', () => {
  const member = new Member();
  member.do(put('a', '1'), { clusterTimeMs: 5_000 });
  member.do(put('a', '1'), { clusterTimeMs: 4_000 });
  assert.equal(member.machine.clusterTimeMs, 5_000);
});

test('idempotency keys are bounded: one too many is refused, and nobody loses his', () => {
  const member = new Member();
  const put1: Put = put('a', '1');
  for (let i = 0; i < limits.maxIdempotencyKeys; i++) member.do(put1, keyed(`${i}`));
  assert.equal(codeOf(member.do(put1, keyed('new')).response), 'LIMIT_EXCEEDED');
  assert.equal(member.do(put1, keyed('0')).repeated, true);
  // What gives room back has some of its own, and not for ever.
  const revoke = (lease: number): Operation => ({ type: 'leaseRevoke', lease });
  for (let i = 1; i <= limits.reservedIdempotencyKeys; i++) {
    assert.equal(codeOf(member.do(revoke(i), keyed(`revoke ${i}`)).response), 'leaseRevoke');
  }
  assert.equal(codeOf(member.do(revoke(1), keyed('one more')).response), 'LIMIT_EXCEEDED');
  // When their time is over they go, some with each entry.
  const later = limits.idempotencyTtlMs;
  member.checkpoint();
  assert.equal(member.do(put1, keyed('new', later)).repeated, false);
  const { changes } = member.machine.takeCheckpoint();
  assert.equal(changes.filter(({ value }) => value === null).length, maxEvictionsPerEntry);
});

test('the end of its own session is answered, and remembered by nobody', () => {
  const member = withSession();
  const close = { type: 'sessionClose', session: 1 } as const;
  assert.equal(member.do(close, session(1, 1)).response?.type, 'leaseRevoke');
  assert.equal(codeOf(member.do(close, session(1, 1)).response), 'SESSION_EXPIRED');
});

test('an open that comes again finds the session that it made, until that has ended', () => {
  const member = withSession();
  const again = (): unknown => {
    const { response } = member.do(sessionOpen());
    return response?.type === 'sessionOpen' && response.session;
  };
  assert.equal(again(), 1);
  member.checkpoint();
  member.restart();
  assert.equal(again(), 1);
  member.do({ type: 'sessionClose', session: 1 });
  assert.equal(again(), 2);
});

test('a lock needs a session', () => {
  assert.equal(codeOf(new Member().do(acquire(lock('a'))).response), 'INVALID_ARGUMENT');
});

test('a query has no place in the log', () => {
  assert.equal(codeOf(new Member().do(range(everything)).response), 'INVALID_ARGUMENT');
});

function keyed(name: string, clusterTimeMs = 0): Header {
  return { clusterTimeMs, identity: { by: 'key', key: bytes(name) } };
}

function withSession(): Member {
  const member = new Member();
  member.do(sessionOpen());
  return member;
}

function codeOf(response: Response | null): string | null {
  if (response === null) return null;
  return response.type === 'error' ? response.code : response.type;
}
