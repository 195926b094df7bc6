import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { entriesOf, runsOf } from './member.test-driver.ts';
import { TermIndex } from './term-index.ts';
import type { Index, LogPosition, Term, TermRun } from './types.ts';

const start: LogPosition = { index: 0 as Index, term: 0 as Term };

/** An index over a log whose entries have these terms, behind `base`. */
function indexOf(terms: readonly number[], base: LogPosition = start): TermIndex {
  return new TermIndex(base, runsOf(entriesOf(terms, base.index + 1)), (base.index + terms.length) as Index);
}

const run = (term: number, first: number): TermRun => ({ term: term as Term, first: first as Index });

/** The dumb version: a term for every entry. */
function lastAtMost(terms: readonly number[], base: LogPosition, index: number, term: number): LogPosition {
  for (let at = Math.min(index, base.index + terms.length); at > base.index; at--) {
    const found = terms[at - base.index - 1] as number;
    if (found <= term) return { index: at as Index, term: found as Term };
  }
  return base;
}

/** Logs behind a base: the base's term, and terms that never fall. */
const logs = fc
  .record({
    base: fc.record({ index: fc.integer({ min: 0, max: 5 }), term: fc.integer({ min: 0, max: 3 }) }),
    steps: fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 20 }),
  })
  .map(({ base, steps }) => {
    let term = base.index === 0 ? 0 : base.term;
    const position = { index: base.index as Index, term: term as Term };
    return { base: position, terms: steps.map((step) => (term += step)) };
  });

test('every entry has the term that a list of all terms gives it; outside of the log there is none', () => {
  fc.assert(
    fc.property(logs, ({ base, terms }) => {
      const index = indexOf(terms, base);
      assert.equal(index.last, base.index + terms.length);
      assert.equal(index.termAt(base.index), base.term);
      assert.equal(index.termAt((base.index - 1) as Index), null);
      assert.equal(index.termAt((index.last + 1) as Index), null);
      terms.forEach((term, at) => assert.equal(index.termAt((base.index + 1 + at) as Index), term));
    }),
  );
});

test('the search for a conflict finds what a walk over all entries finds (Raft §5.3)', () => {
  const asked = fc.record({ index: fc.integer({ min: 0, max: 30 }), term: fc.integer({ min: 0, max: 45 }) });
  fc.assert(
    fc.property(logs, asked, ({ base, terms }, { index, term }) => {
      assert.deepEqual(
        indexOf(terms, base).lastAtMost(index as Index, term as Term),
        lastAtMost(terms, base, index, term),
      );
    }),
    { numRuns: 1_000 },
  );
});

test('appending and truncating, in any order, leaves what a list of all terms holds', () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ append: fc.integer({ min: 0, max: 2 }) }),
      fc.record({ truncate: fc.double({ min: 0, max: 1, noNaN: true }) }),
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(logs, steps, ({ base, terms }, all) => {
      const index = indexOf(terms, base);
      let list = [...terms];
      for (const step of all) {
        if ('append' in step) {
          const term = (list.at(-1) ?? base.term) + step.append;
          index.append(term as Term);
          list.push(term);
        } else {
          list = list.slice(0, Math.floor(step.truncate * list.length));
          index.truncateFrom((base.index + list.length + 1) as Index);
        }
      }
      assert.deepEqual(index.runs, indexOf(list, base).runs);
      assert.equal(index.last, base.index + list.length);
    }),
  );
});

test('a million entries of one term cost one run', () => {
  const index = indexOf([]);
  for (let at = 0; at < 1_000_000; at++) index.append(3 as Term);
  assert.deepEqual(index.runs, [{ term: 3, first: 1 }]);
});

test('terms that fall, runs out of order and a gap behind the base are refused (a disk that lost something)', () => {
  for (const [runs, last] of [
    [[run(2, 1), run(1, 3)], 4],
    [[run(1, 1), run(2, 1)], 4],
    [[run(1, 2)], 4],
    [[run(1, 1), run(2, 5)], 4],
    [[], 4],
  ] as const) {
    assert.throws(() => new TermIndex(start, runs, last as Index), { name: 'RaftAssertionError' });
  }
  assert.throws(() => indexOf([2]).append(1 as Term), { name: 'RaftAssertionError' });
});
