import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { commandFor, printReport } from './report.ts';
import { runNemesis } from './run.ts';
import { seedOfCommit } from './seed-of-commit.ts';

const options = { seed: seedOfCommit(), seconds: 25, members: 3 };

test(`whatever happens to real processes, clients see nothing that a promise excludes: ${commandFor(options)}`, {
  timeout: 400_000,
}, async (context) => {
  const folder = temporaryDirectory();
  const report = await runNemesis({ ...options, folder: folder.path });
  printReport(report, options);
  if (report.failures.length === 0) folder[Symbol.dispose]();
  else context.diagnostic(`history, diary and logs: ${folder.path}`);
  assert.deepEqual(report.failures, []);
  // What is skipped by name is a failure where nothing may be.
  if (process.env['CONCLAVE_REQUIRE'] === 'all') assert.equal(report.noDisks, null);
  const occurred = report.faults.reduce((sum, [, count]) => sum + count, 0);
  assert.ok(occurred > report.rounds, `${occurred} faults in ${report.rounds} rounds`);
  const ok = [...report.operations.values()].reduce((sum, count) => sum + count.ok, 0);
  assert.ok(ok > 100, `${ok} operations`);
});
