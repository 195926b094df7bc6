import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { measureCompaction } from './compaction.ts';

const directory = join(import.meta.dirname, '../../../../node_modules/.cache/conclave-bench-test');

test('a small state is filled, compacted and removed, and each situation is measured with both sizes', async () => {
  const report = await measureCompaction({ directory, keys: 50_000, seconds: 0.5, say: () => {} });
  assert.deepEqual(
    report.rows.map(({ beside, entries }) => [beside, entries]),
    ['nothing', 'checkpoints', 'full compaction'].flatMap((beside) => [1, 64].map((entries) => [beside, entries])),
  );
  for (const { batches, beside, maxMs, p50Ms, p99Ms } of report.rows) {
    assert.ok(batches > 0 && p50Ms > 0 && p99Ms >= p50Ms && maxMs >= p99Ms, beside);
  }
  // Every key came to the disk once: 256 bytes of value and 24 of key each.
  assert.ok(report.stateBytes >= 50_000 * 280, `${report.stateBytes} bytes`);
  assert.ok(report.checkpointRecordsPerSecond > 0);
  assert.deepEqual(readdirSync(directory), []);
});
