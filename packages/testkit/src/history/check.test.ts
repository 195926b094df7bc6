import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { assertHistory } from './checkers.ts';
import type { HistoryRecord } from './record.ts';
import { simulateLocks } from './testing/simulated-locks.ts';
import { simulateStore } from './testing/simulated-store.ts';
import { simulateWatch } from './testing/simulated-watches.ts';

const program = join(import.meta.dirname, 'check.ts');

function check(content: string, ...options: readonly string[]): { status: number | null; output: string } {
  using directory = temporaryDirectory();
  const path = join(directory.path, 'history.jsonl');
  writeFileSync(path, content);
  const run = spawnSync(process.execPath, [...process.execArgv, program, path, ...options], { encoding: 'utf8' });
  return { status: run.status, output: run.stdout + run.stderr };
}

function lines(records: readonly HistoryRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

function everything(): HistoryRecord[] {
  const store = { operations: 400, keys: 6, clients: 5, unknown: 0.05, withRevisions: true };
  const { records, truth } = simulateStore(1, store);
  return [...records, ...simulateLocks(1, { locks: 2, holdsPerLock: 20 }), ...simulateWatch(1, 'w1', truth)];
}

test('check.ts exits 0 with a verdict of each checker when nothing is wrong', () => {
  const { status, output } = check(lines(everything()));
  assert.equal(status, 0, output);
  for (const checker of ['linearizability', 'revisions', 'locks', 'fences', 'truth', 'watches']) {
    assert.match(output, new RegExp(`^${checker}: [1-9]\\d* judged, 0 violations$`, 'm'));
  }
});

test('check.ts exits 1 and explains a violation', () => {
  const ghost = { client: 'x', op: 'get', key: 'a/0', in: {}, call_ns: 1, return_ns: 2, status: 'ok' } as const;
  const { status, output } = check(lines([...everything(), { ...ghost, out: { value: 'ghost' } }]));
  assert.equal(status, 1);
  assert.match(output, /\[never-written\] a\/0: a value was read which nobody ever wrote/);
});

test('check.ts exits 2 when there is no verdict', () => {
  assert.equal(check('{}').status, 2);
  assert.match(check('{}').output, /line 1: op must be a string, is missing/);
  assert.equal(check(lines(everything()), '--max-configurations', '2').status, 2);
  assert.equal(check('', '--truth-from', 'x').status, 2);
});

test('assertHistory throws with every violation', () => {
  assertHistory(everything());
  const gone = everything().filter((record) => record.op !== 'event' || record.rev !== 50);
  assert.throws(() => assertHistory(gone), {
    name: 'HistoryViolation',
    message: /^revisions \(acknowledged-missing\)/m,
  });
});
