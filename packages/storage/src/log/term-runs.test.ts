import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TermRun } from '@conclave/core';
import { entries, index, position } from '../conformance/entries.ts';
import { runsBefore, runsWith, termAt } from './term-runs.ts';

const run = (term: number, first: number): TermRun => ({ term, first }) as TermRun;
const runs = [run(2, 11), run(3, 15), run(7, 16)];
const base = position(10, 2);

test('the term of an index is that of the run that it lies in', () => {
  assert.deepEqual(
    [10, 11, 14, 15, 16, 99].map((at) => termAt(runs, base, index(at))),
    [2, 2, 2, 3, 7, 7],
  );
  assert.throws(() => termAt(runs, base, index(9)), RangeError);
  assert.equal(termAt([], base, index(10)), 2);
});

test('a cut drops the runs that begin behind it, and costs nothing when there are none', () => {
  assert.deepEqual(runsBefore(runs, index(16)), runs.slice(0, 2));
  assert.deepEqual(runsBefore(runs, index(11)), []);
  assert.equal(runsBefore(runs, index(17)), runs);
});

test('appended entries begin a run only with a new term', () => {
  assert.equal(runsWith(runs, entries(17, 20, 7)), runs);
  assert.deepEqual(runsWith(runs, [...entries(17, 18, 7), ...entries(19, 20, 8)]), [...runs, run(8, 19)]);
  assert.deepEqual(runsWith([], entries(1, 2, 1)), [run(1, 1)]);
});
