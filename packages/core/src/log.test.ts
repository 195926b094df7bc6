import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { RaftLog, sizeOf } from './log.ts';
import { entriesOf, runsOf } from './member.test-driver.ts';
import { type Entry, EntryKind, type Index, type MemberId, type Term } from './types.ts';

const i = (index: number): Index => index as Index;

interface Boot {
  readonly commit?: number;
  readonly applied?: number;
  /** How many entries at the front are on disk only. */
  readonly forgotten?: number;
}

function logOf(entries: readonly Entry[], { commit = 0, applied = 0, forgotten = 0 }: Boot = {}): RaftLog {
  return new RaftLog({
    hardState: { term: entries.at(-1)?.term ?? (0 as Term), vote: null, commit: i(commit) },
    acknowledged: { term: 0 as Term, index: i(0) },
    base: { index: i(0), term: 0 as Term },
    configuration: { voters: [1 as MemberId], votersOutgoing: [], learners: [], learnersNext: [], leaseReads: false },
    terms: runsOf(entries),
    tail: i(entries.length),
    entries: entries.slice(forgotten),
    applied: i(applied),
  });
}

function entry(index: number, term: number, bytes: number): Entry {
  return { index: i(index), term: term as Term, kind: EntryKind.Command, data: new Uint8Array(bytes) };
}

test('the stored commit index is a hint: applied may prove more, and the end of the log limits it', () => {
  const entries = entriesOf([1, 1, 1]);
  assert.equal(logOf(entries, { commit: 2 }).committed, 2);
  assert.equal(logOf(entries, { commit: 9 }).committed, 3);
  assert.equal(logOf(entries, { commit: 1, applied: 2 }).committed, 2);
});

test('after a restart, what was committed and not applied is handed out first', () => {
  const log = logOf(entriesOf([1, 1, 2]), { commit: 3, applied: 1 });
  assert.deepEqual(
    log.takeCommitted(i(3)).map(({ index }) => index),
    [2, 3],
  );
});

test('committed entries are handed out once, in order, and not beyond the limit of what is durable (etcd #14370)', () => {
  const log = logOf(entriesOf([1, 1, 1, 1]));
  log.commitTo(i(4));
  assert.deepEqual(
    log.takeCommitted(i(2)).map(({ index }) => index),
    [1, 2],
  );
  assert.deepEqual(log.takeCommitted(i(2)), []);
  assert.deepEqual(
    log.takeCommitted(i(9)).map(({ index }) => index),
    [3, 4],
  );
});

test('a committed entry is never removed (Raft, figure 3: state machine safety)', () => {
  const log = logOf(entriesOf([1, 1, 1]), { commit: 2 });
  log.truncateFrom(i(3));
  assert.equal(log.lastIndex, 2);
  assert.throws(() => log.truncateFrom(i(2)), /is committed/);
});

test('a commit index beyond the log stops the member: it has lost entries', () => {
  assert.throws(() => logOf(entriesOf([1])).commitTo(i(2)), /lost entries/);
});

test('the commit index does not go back', () => {
  const log = logOf(entriesOf([1, 1, 1]), { commit: 2 });
  log.commitTo(i(1));
  assert.equal(log.committed, 2);
});

test('entries that storage does not give back although they are not applied are missed at start', () => {
  assert.throws(() => logOf(entriesOf([1, 1, 1]), { applied: 1, forgotten: 2 }), /were not given back/);
  assert.equal(logOf(entriesOf([1, 1, 1]), { applied: 2, forgotten: 2 }).windowStart, 3);
});

test('an entry missing in between, or of another term than the log names, is noticed at start', () => {
  const whole = entriesOf([1, 1, 2]);
  const boot = (entries: readonly Entry[]): RaftLog =>
    new RaftLog({
      hardState: { term: 2 as Term, vote: null, commit: i(0) },
      acknowledged: { term: 0 as Term, index: i(0) },
      base: { index: i(0), term: 0 as Term },
      configuration: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], leaseReads: false },
      terms: runsOf(whole),
      tail: i(3),
      entries,
      applied: i(0),
    });
  assert.throws(() => boot([whole[0], whole[2], whole[2]] as Entry[]), /entry 2 is missing/);
  assert.throws(() => boot(entriesOf([1, 2, 2])), /not of the term that the log names/);
});

test('a slice holds at least one entry, however large, and else what fits', () => {
  const log = logOf([entry(1, 1, 100), entry(2, 1, 10), entry(3, 1, 10), entry(4, 1, 10)]);
  const slice = (from: number, maxBytes: number): number[] | undefined =>
    log.slice(i(from), maxBytes)?.map(({ index }) => index);
  assert.deepEqual(slice(1, 1), [1]);
  assert.deepEqual(slice(2, 2 * sizeOf(entry(2, 1, 10))), [2, 3]);
  assert.deepEqual(slice(2, 2 * sizeOf(entry(2, 1, 10)) - 1), [2]);
  assert.deepEqual(slice(5, 1), []);
});

test('the first new entry is one that is missing or of another term; an append that says nothing new has none (Raft §5.3)', () => {
  const log = logOf(entriesOf([1, 1, 2]));
  const firstNew = (first: number, ...terms: number[]): number | undefined =>
    log.firstNew(entriesOf(terms, first))?.index;
  assert.equal(firstNew(1, 1, 1, 2), undefined);
  assert.equal(firstNew(1, 1), undefined);
  assert.equal(firstNew(2, 1, 3), 3);
  assert.equal(firstNew(3, 2, 2), 4);
});

test('up to date is decided by the last term, and only within one term by the length (Raft §5.4.1)', () => {
  const position = fc.record({ index: fc.integer({ min: 0, max: 4 }), term: fc.integer({ min: 1, max: 4 }) });
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), position, (steps, other) => {
      const terms = steps.toSorted((a, b) => a - b);
      const [mine, theirs] = [
        [terms.at(-1) as number, terms.length],
        [other.term, other.index],
      ] as const;
      const expected = theirs[0] === mine[0] ? theirs[1] >= mine[1] : theirs[0] > mine[0];
      assert.equal(logOf(entriesOf(terms)).isUpToDate({ index: i(other.index), term: other.term as Term }), expected);
    }),
  );
});

test('whatever happens to it, the log holds what a plain list holds, and its count of bytes that cannot leave memory is exact (etcd #10199)', () => {
  const steps = fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.record({ append: fc.integer({ min: 0, max: 40 }) }) },
      { weight: 1, arbitrary: fc.record({ truncate: fc.nat(3) }) },
      { weight: 3, arbitrary: fc.record({ commit: fc.nat(4) }) },
      { weight: 3, arbitrary: fc.record({ apply: fc.nat(4) }) },
      { weight: 2, arbitrary: fc.record({ shrink: fc.nat(300) }) },
    ),
    { maxLength: 120 },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const log = logOf([]);
      const list: Entry[] = [];
      let term = 1;
      for (const step of all) {
        if ('append' in step) {
          const next = entry(list.length + 1, term, step.append);
          log.append(next);
          list.push(next);
        } else if ('truncate' in step) {
          list.length = Math.max(log.committed, list.length - step.truncate);
          log.truncateFrom(i(list.length + 1));
          term++;
        } else if ('commit' in step) {
          log.commitTo(i(Math.min(list.length, log.committed + step.commit)));
        } else if ('apply' in step) {
          log.takeCommitted(i(list.length));
          log.appliedTo(i(Math.min(log.handedOut, log.applied + step.apply)));
        } else {
          log.shrinkWindow(step.shrink, log.lastIndex);
        }
        assert.equal(log.lastIndex, list.length);
        assert.ok(log.windowStart <= log.applied + 1, 'the window reaches back to what is not applied');
        assert.deepEqual(log.slice(log.windowStart, Number.POSITIVE_INFINITY), list.slice(log.windowStart - 1));
        assert.equal(
          log.unappliedBytes,
          list.slice(log.applied).reduce((sum, one) => sum + sizeOf(one), 0),
        );
      }
    }),
  );
});

test('the window shrinks to its bound from the oldest entry on, and never below what is applied and durable', () => {
  const log = logOf(entriesOf([1, 1, 1, 1, 1, 1]), { commit: 4 });
  log.takeCommitted(i(4));
  log.appliedTo(i(4));
  log.shrinkWindow(1, i(3));
  assert.equal(log.windowStart, 3, 'entry 3 may not be durable');
  log.shrinkWindow(1, i(6));
  assert.equal(log.windowStart, 5, 'entry 5 is not applied');
  assert.equal(log.slice(i(4), 1), null);
});

test('what leaves the window leaves memory at once', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const log = logOf([]);
  const large = new WeakRef(appendLarge(log));
  log.append(entry(2, 1, 1));
  log.commitTo(i(2));
  log.takeCommitted(i(2));
  log.appliedTo(i(2));
  log.shrinkWindow(1, i(2));
  await setImmediate();
  collect();
  assert.equal(large.deref(), undefined);
});

function appendLarge(log: RaftLog): Uint8Array {
  const large = entry(1, 1, 1_000_000);
  log.append(large);
  return large.data;
}
