import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, percentile } from './statistics.ts';

test('the median lies in the middle, or between the two that do', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test('a percentile lies between its neighbours', () => {
  const values = Array.from({ length: 101 }, (_, at) => 100 - at);
  assert.equal(percentile(values, 99), 99);
  assert.equal(percentile([0, 10], 25), 2.5);
});
