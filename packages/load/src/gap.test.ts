import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gap } from './gap.ts';

test('the longest silence between two acknowledged operations is found', () => {
  const gap = new Gap();
  for (const ms of [100, 105, 1_405, 1_410]) gap.acknowledged(ms);
  assert.equal(gap.longestMs(0, 1_411), 1_300);
});

test('what comes before the first operation is no gap, unless there is none', () => {
  const gap = new Gap();
  gap.acknowledged(900);
  assert.equal(gap.longestMs(0, 901), 1);
  assert.equal(new Gap().longestMs(0, 1_000), 1_000);
});

test('a silence that never ends counts up to the end of the run', () => {
  const gap = new Gap();
  for (const ms of [100, 105]) gap.acknowledged(ms);
  assert.equal(gap.longestMs(0, 5_105), 5_000);
});
