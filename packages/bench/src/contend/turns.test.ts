import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from './turns.ts';

test('grants in the order of the queue are right, and everybody who comes later is behind', () => {
  const turns = new Turns();
  turns.grant(7);
  turns.queue([1, 2, 3]);
  turns.grant(1);
  turns.queue([2, 3, 7]);
  for (const one of [2, 3, 7, 9]) turns.grant(one);
  assert.deepEqual([turns.granted, turns.checked, turns.violations], [6, 4, []]);
});

test('a grant out of turn is told, once', () => {
  const turns = new Turns();
  turns.queue([1, 2, 3]);
  turns.grant(2);
  turns.grant(1);
  assert.deepEqual(turns.violations, ['grant 1 went to 2, and it was the turn of 1']);
});

test('a queue into which somebody has pushed himself is told', () => {
  const turns = new Turns();
  turns.queue([1, 2]);
  turns.queue([1, 3, 2]);
  assert.equal(turns.violations.length, 1);
});
