import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from './output.ts';
import { Reads } from './reads.ts';
import type { Index, MemberId } from './types.ts';

const i = (index: number): Index => index as Index;
const reads = (draw: number = 0.5): Reads => new Reads({ next: () => draw });

test('a round takes everything that waits, and later rounds have larger numbers', () => {
  const subject = reads();
  subject.waiting.push(1, 2);
  subject.addRequest(3 as MemberId, 9, 4);
  subject.startRound(subject.nextSequence(), i(5));
  assert.ok(!subject.hasWaiting);
  subject.waiting.push(3);
  subject.startRound(subject.nextSequence(), i(6));
  assert.deepEqual(
    subject.rounds.map(({ sequence, local }) => [sequence, local]),
    [
      [1, [1, 2]],
      [2, [3]],
    ],
  );
  assert.throws(() => subject.startRound(subject.nextSequence(), i(7)), /without readers/);
});

test('the rounds up to the confirmed number are taken, in order, each once', () => {
  const subject = reads();
  for (const id of [1, 2, 3]) {
    subject.waiting.push(id);
    subject.startRound(subject.nextSequence(), i(id));
  }
  const taken = (sequence: number): number[] => subject.takeConfirmed(sequence).map(({ index }) => index);
  assert.deepEqual(taken(0), []);
  assert.deepEqual(taken(2), [1, 2]);
  assert.deepEqual(taken(2), []);
  assert.deepEqual(taken(9), [3]);
});

test('the count of waiting reads is that of this member, wherever they wait', () => {
  const subject = reads();
  subject.waiting.push(1);
  subject.addRequest(3 as MemberId, 9, 4);
  subject.startRound(subject.nextSequence(), i(1));
  subject.waiting.push(2, 3);
  subject.unasked.push(4);
  subject.asked.set(7, [5, 6]);
  assert.equal(subject.localCount, 6);
});

test('a request that comes again while it waits is one, and there are no more than the bound', () => {
  const subject = reads();
  for (const request of [1, 1, 2, 3, 4]) subject.addRequest(3 as MemberId, request, 3);
  subject.addRequest(2 as MemberId, 1, 4);
  assert.deepEqual(
    subject.requests.map(({ member, request }) => [member, request]),
    [
      [3, 1],
      [3, 2],
      [3, 3],
      [2, 1],
    ],
  );
});

test('when leadership moves every read of this member fails exactly once, and nothing is left', () => {
  const subject = reads();
  const outbox = new Outbox();
  subject.waiting.push(1);
  subject.startRound(subject.nextSequence(), i(1));
  subject.waiting.push(2);
  subject.addRequest(3 as MemberId, 9, 4);
  subject.unasked.push(3);
  subject.asked.set(7, [4, 5]);
  subject.abandon(outbox, 2 as MemberId);
  subject.abandon(outbox, 2 as MemberId);
  assert.deepEqual(
    outbox.failed.map(({ id, leaderHint }) => [id, leaderHint]),
    [
      [1, 2],
      [2, 2],
      [4, 2],
      [5, 2],
      [3, 2],
    ],
  );
  assert.deepEqual([subject.localCount, subject.hasWaiting, subject.rounds.length], [0, false, 0]);
});

test('request numbers begin anywhere, and are safe integers for longer than any process lives', () => {
  assert.notEqual(reads(0.1).nextRequest(), reads(0.2).nextRequest());
  assert.ok(Number.isSafeInteger(reads(1 - 2 ** -32).nextRequest() + 2 ** 40));
});
