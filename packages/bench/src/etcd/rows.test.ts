import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Measured } from '../measured.ts';
import { type Comparison, rowsOf } from './rows.ts';

const measured = (perSecond: number, p99Ms: number): Measured => {
  return { perSecond, p50Ms: 1, p99Ms, errors: 0, serverMicrosPerOp: 1, clientMicrosPerOp: 1 };
};

const comparison: Comparison = {
  task: { work: 'put', outstanding: 64, connections: 8 },
  criteria: [
    { work: 'put/s', better: 'higher', target: 3, of: ({ perSecond }) => perSecond },
    { work: 'put p99', better: 'lower', target: 0.5, of: ({ p99Ms }) => p99Ms },
  ],
};

test('a ratio is of medians, its span of the runs that followed each other', () => {
  const ours = [measured(300, 5), measured(100, 6), measured(200, 4)];
  const etcd = [measured(100, 10), measured(50, 10), measured(40, 10)];
  const [rate, p99] = rowsOf(comparison, ours, etcd);
  assert.deepEqual(rate, {
    work: 'put/s',
    ours: 200,
    etcd: 50,
    ratio: 4,
    min: 2,
    max: 5,
    target: 3,
    better: 'higher',
    met: true,
  });
  assert.deepEqual(p99, {
    work: 'put p99',
    ours: 5,
    etcd: 10,
    ratio: 0.5,
    min: 0.4,
    max: 0.6,
    target: 0.5,
    better: 'lower',
    met: true,
  });
});

test('what was not measured is not met', () => {
  const [rate] = rowsOf(comparison, [measured(Number.NaN, 1)], [measured(1, 1)]);
  assert.equal(rate?.met, false);
});
