import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CompactionRow, failures, verdict } from './verdict.ts';

function row(p99Ms: number): CompactionRow {
  return { beside: 'full compaction', entries: 64, batches: 10, p50Ms: 1, p99Ms, maxMs: 900 };
}

test('a p99 up to 50 ms keeps log and state together, whatever the worst batch took', () => {
  assert.deepEqual(failures([row(3), row(50)]), []);
  assert.match(verdict([row(3), row(50)]), /at most 50\.00 ms.*stay in one process/);
});

test('a p99 above 50 ms is named, and so is a row in which nothing was measured', () => {
  assert.deepEqual(failures([row(3), row(50.1)]), [row(50.1)]);
  assert.match(verdict([row(3), row(50.1)]), /full compaction, 64 entries: 50\.10 ms.*process of its own/);
  assert.deepEqual(failures([row(Number.NaN)]), [row(Number.NaN)]);
});
