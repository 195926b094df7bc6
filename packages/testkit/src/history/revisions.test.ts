import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistoryRecord } from './record.ts';
import { checkRevisions } from './revisions.ts';
import { type StoreSettings, simulateStore } from './testing/simulated-store.ts';

const settings: StoreSettings = { operations: 300, keys: 6, clients: 6, unknown: 0.05, withRevisions: true };
const seeds = Array.from({ length: 40 }, (_, index) => index + 1);

type Write = Extract<HistoryRecord, { op: 'put'; status: 'ok' }>;

function puts(records: readonly HistoryRecord[]): Write[] {
  return records.filter((record): record is Write => record.op === 'put' && record.status === 'ok');
}

function rules(records: readonly HistoryRecord[]): string[] {
  return checkRevisions(records).violations.map(({ rule }) => rule);
}

test('histories whose revisions are those of the effects are right, with and without revisions in the answers', () => {
  for (const seed of seeds) {
    for (const withRevisions of [true, false]) {
      const { records } = simulateStore(seed, { ...settings, withRevisions });
      assert.deepEqual(checkRevisions(records).violations, [], `seed ${seed}`);
    }
  }
});

/** Each gets the records, and for its choices a number; it returns undefined when there is no place for the fault. */
const faults: readonly {
  readonly name: string;
  readonly rule: string;
  readonly withRevisions?: boolean;
  readonly plant: (records: readonly HistoryRecord[], choice: number) => HistoryRecord[] | undefined;
}[] = [
  ...[true, false].map((withRevisions) => ({
    name: `an acknowledged write that the final history lacks (revisions in the answers: ${withRevisions})`,
    rule: 'acknowledged-missing',
    withRevisions,
    plant: (records: readonly HistoryRecord[], choice: number) => {
      const write = puts(records)[choice] as Write;
      return records.filter(
        (record) => record.op !== 'event' || record.type !== 'put' || record.value !== write.in.value,
      );
    },
  })),
  {
    name: 'an acknowledged deletion that the final history lacks',
    rule: 'acknowledged-missing',
    plant: (records) => {
      const gone = records.find((r) => r.op === 'delete' && r.status === 'ok' && r.out.existed === true);
      if (gone?.op !== 'delete' || gone.status !== 'ok') return undefined;
      return records.filter((r) => r.op !== 'event' || r.type !== 'delete' || r.rev !== gone.out.rev);
    },
  },
  {
    name: 'a write that took effect twice',
    rule: 'double-effect',
    plant: (records, choice) => {
      const write = puts(records)[choice] as Write;
      return [...records, { op: 'event', rev: 10_000, key: write.key, type: 'put', value: write.in.value }];
    },
  },
  {
    name: 'a value in the final history that nobody wrote',
    rule: 'never-written',
    plant: (records, choice) => [
      ...records,
      { op: 'event', rev: 10_000, key: (puts(records)[choice] as Write).key, type: 'put', value: 'ghost' },
    ],
  },
  {
    name: 'a later write with a smaller revision',
    rule: 'revision-order',
    plant: (records, choice) => {
      const late = puts(records).toSorted((a, b) => b.call_ns - a.call_ns)[choice % 10] as Write;
      return records.map((record) => (record === late ? { ...late, out: { rev: 2 } } : record));
    },
  },
  {
    name: 'a read of an older revision than one that was acknowledged before',
    rule: 'revision-order',
    plant: (records) => {
      const endNs = Math.max(...records.map((record) => ('call_ns' in record ? record.call_ns : 0))) + 100_000;
      const base = { client: 'late', op: 'get', key: 'none', in: {}, status: 'ok' } as const;
      return [...records, { ...base, out: { value: null, rev: 5 }, call_ns: endNs, return_ns: endNs + 1 }];
    },
  },
  {
    name: 'two writes at one revision without a transaction',
    rule: 'revision-shared',
    plant: (records, choice) => {
      const [a, b] = [puts(records)[choice] as Write, puts(records)[choice + 7] as Write];
      if (a.in.txn !== undefined && b.in.txn === a.in.txn) return undefined;
      return records.map((record) => (record === b ? { ...b, out: a.out } : record));
    },
  },
  {
    name: 'a transaction with two revisions',
    rule: 'transaction-torn',
    plant: (records) => {
      const txns = puts(records).filter((put) => put.in.txn !== undefined);
      const twin = txns.find((put) => txns.some((other) => other !== put && other.in.txn === put.in.txn));
      return twin && records.map((record) => (record === twin ? { ...twin, out: { rev: 9_999 } } : record));
    },
  },
  {
    name: 'a read whose value is not that of its revision',
    rule: 'read-revision',
    plant: (records) => {
      const read = records.find((record) => {
        if (record.op !== 'get' || record.status !== 'ok' || record.out.value === null) return false;
        return puts(records).filter((put) => put.key === record.key && put.return_ns < record.call_ns).length > 2;
      });
      if (read?.op !== 'get' || read.status !== 'ok') return undefined;
      const old = puts(records).find((put) => put.key === read.key) as Write;
      if (old.in.value === read.out.value) return undefined;
      return records.map((r) => (r === read ? { ...read, out: { ...read.out, value: old.in.value } } : r));
    },
  },
];

for (const { name, rule, withRevisions = true, plant } of faults) {
  test(`reported: ${name}`, () => {
    let planted = 0;
    for (const seed of seeds) {
      const wrong = plant(simulateStore(seed, { ...settings, withRevisions }).records, seed);
      if (wrong === undefined) continue;
      planted++;
      assert.ok(rules(wrong).includes(rule), `seed ${seed}: ${rules(wrong).join() || 'nothing'} was reported`);
    }
    assert.ok(planted >= seeds.length / 4, `planted only ${planted} times`);
  });
}

test('a dump that begins after a compaction is not blamed for what was compacted', () => {
  const { records } = simulateStore(5, settings);
  const from = 60;
  const compacted = records.filter((record) => record.op !== 'event' || record.rev >= from);
  assert.deepEqual(checkRevisions(compacted, { truthFrom: from }).violations, []);
  assert.ok(checkRevisions(compacted).violations.length > 0);
});
