import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFences } from './fences.ts';
import { checkLocks } from './locks.ts';
import type { HistoryRecord, OperationRecord } from './record.ts';
import { simulateLocks } from './testing/simulated-locks.ts';

const settings = { locks: 3, holdsPerLock: 25 };
const seeds = Array.from({ length: 40 }, (_, index) => index + 1);

type Acquired = Extract<OperationRecord<'acquire'>, { status: 'ok' }>;

function acquired(records: readonly HistoryRecord[]): Acquired[] {
  return records.filter((record): record is Acquired => record.op === 'acquire' && record.status === 'ok');
}

function rules(records: readonly HistoryRecord[]): string[] {
  return [...checkLocks(records).violations, ...checkFences(records).violations].map(({ rule }) => rule);
}

function ofHold(record: HistoryRecord, { key, in: { owner }, out: { token } }: Acquired): boolean {
  if (record.op !== 'release' && record.op !== 'lapse' && record.op !== 'lost') return false;
  return record.key === key && record.in.owner === owner && record.in.token === token;
}

test('histories of locks that are held by one after the other are right', () => {
  for (const seed of seeds) {
    const records = simulateLocks(seed, settings);
    const verdict = checkLocks(records);
    assert.deepEqual([verdict.violations, verdict.undecided], [[], []], `seed ${seed}`);
    assert.deepEqual(checkFences(records).violations, [], `seed ${seed}`);
  }
});

const faults: readonly {
  readonly name: string;
  /** More than one when what contradicts it first may be a grant or the look of an onlooker. */
  readonly rules: readonly string[];
  readonly plant: (records: readonly HistoryRecord[], holds: readonly Acquired[]) => HistoryRecord[] | undefined;
}[] = [
  {
    name: 'a second holder while the first has neither released nor lapsed',
    rules: ['two-holders'],
    plant: (records, holds) => {
      const hold = holds.find((each) =>
        records.some((r) => r.op === 'release' && ofHold(r, each) && r.status === 'ok'),
      );
      const next = hold && holds[holds.indexOf(hold) + 1];
      if (hold === undefined || next === undefined || next.key !== hold.key) return undefined;
      const early = { ...next, call_ns: hold.return_ns + 1, return_ns: hold.return_ns + 2 };
      return records.map((record) => (record === next ? early : record));
    },
  },
  {
    name: 'a grant although the lease of the holder never lapsed',
    rules: ['two-holders', 'not-a-lock'],
    plant: (records, holds) => {
      const hold = holds.find((each) => records.some((r) => r.op === 'lapse' && ofHold(r, each)));
      if (hold === undefined || holds[holds.indexOf(hold) + 1]?.key !== hold.key) return undefined;
      return records.filter((record) => record.op !== 'lapse' || !ofHold(record, hold));
    },
  },
  {
    name: 'a grant before the lease could lapse',
    rules: ['two-holders', 'not-a-lock'],
    plant: (records, holds) => {
      const hold = holds.find((each) => records.some((r) => r.op === 'lapse' && ofHold(r, each)));
      const next = hold && holds[holds.indexOf(hold) + 1];
      if (next === undefined || next.key !== hold?.key) return undefined;
      return records.map((r) => (r.op === 'lapse' && ofHold(r, hold) ? { ...r, call_ns: next.return_ns + 1 } : r));
    },
  },
  {
    name: 'a token that is given twice',
    rules: ['token-reused'],
    plant: (records, holds) => {
      const [first, second] = holds;
      if (first === undefined || second === undefined) return undefined;
      return records.map((record) => (record === second ? { ...second, out: first.out } : record));
    },
  },
  {
    name: 'a token that is smaller than one before',
    rules: ['token-order'],
    plant: (records, holds) => {
      const last = holds.findLast(({ key }) => key === holds[0]?.key);
      return records.map((record) => (record === last ? { ...last, out: { token: 0 } } : record));
    },
  },
  {
    name: 'a holder that is seen after its release',
    rules: ['not-a-lock'],
    plant: (records, holds) => {
      const hold = holds.at(-1) as Acquired;
      const endNs = 1e9;
      const release = {
        client: 'c',
        op: 'release',
        key: hold.key,
        in: { owner: hold.in.owner, token: hold.out.token },
      } as const;
      const look = { client: 'eye', op: 'holder', key: hold.key, in: {}, status: 'ok', out: release.in } as const;
      return [
        ...records.filter((record) => !ofHold(record, hold)),
        { ...release, status: 'ok', out: { released: true }, call_ns: endNs, return_ns: endNs + 1 },
        { ...look, call_ns: endNs + 2, return_ns: endNs + 3 },
      ];
    },
  },
  {
    name: 'a holder with a token that nobody acquired',
    rules: ['token-invented'],
    plant: (records, holds) => {
      const hold = holds[0] as Acquired;
      const out = { owner: 'nobody', token: hold.out.token };
      const look = { client: 'eye', op: 'holder', key: hold.key, in: {}, status: 'ok', out } as const;
      return [...records, { ...look, call_ns: 1, return_ns: 2 }];
    },
  },
  {
    name: 'a loss that is never told',
    rules: ['lost-late'],
    plant: (records, holds) => {
      const hold = holds.find((each) => records.some((r) => r.op === 'lost' && ofHold(r, each)));
      if (hold === undefined || holds[holds.indexOf(hold) + 1]?.key !== hold.key) return undefined;
      return records.filter((record) => record.op !== 'lost' || !ofHold(record, hold));
    },
  },
  {
    name: 'a loss that is told after the next grant',
    rules: ['lost-late'],
    plant: (records, holds) => {
      const hold = holds.find((each) => records.some((r) => r.op === 'lost' && ofHold(r, each)));
      const next = hold && holds[holds.indexOf(hold) + 1];
      if (next === undefined || next.key !== hold?.key) return undefined;
      return records.map((r) => (r.op === 'lost' && ofHold(r, hold) ? { ...r, call_ns: next.return_ns + 1 } : r));
    },
  },
  {
    name: 'a resource that accepts a smaller token after a larger one',
    rules: ['fence-passed'],
    plant: (records, holds) => {
      const [first] = holds;
      const late = records.findLast((record) => record.op === 'use' && record.key === first?.key);
      if (first === undefined || late?.op !== 'use') return undefined;
      const inOfFirst = { owner: first.in.owner, token: first.out.token };
      const out = { accepted: true, seq: 1e6 };
      const time = { call_ns: 1e9, return_ns: 1e9 + 1 };
      return [
        ...records,
        { client: first.client, op: 'use', key: first.key, in: inOfFirst, out, ...time, status: 'ok' },
      ];
    },
  },
  {
    name: 'a use with a token that nobody was given',
    rules: ['token-invented'],
    plant: (records, holds) => {
      const use = { client: 'c', op: 'use', key: holds[0]?.key ?? '', in: { owner: 'nobody', token: 1e6 } } as const;
      return [
        ...records,
        { ...use, out: { accepted: true, seq: 1e6 }, call_ns: 1e9, return_ns: 1e9 + 1, status: 'ok' },
      ];
    },
  },
];

for (const { name, rules: expected, plant } of faults) {
  test(`reported: ${name}`, () => {
    let planted = 0;
    for (const seed of seeds) {
      const records = simulateLocks(seed, settings);
      const holds = acquired(records).toSorted((a, b) => a.key.localeCompare(b.key) || a.out.token - b.out.token);
      const wrong = plant(records, holds);
      if (wrong === undefined) continue;
      planted++;
      assert.ok(
        rules(wrong).some((rule) => expected.includes(rule)),
        `seed ${seed}: ${rules(wrong).join() || 'nothing'} was reported`,
      );
    }
    assert.ok(planted >= seeds.length / 4, `planted only ${planted} times`);
  });
}

test('a refused late user, a crashed holder and a stopped holder are no violations', () => {
  const hold = { owner: 'o', token: 1 };
  const next = { owner: 'p', token: 2 };
  const grants: HistoryRecord[] = [
    {
      client: 'a',
      op: 'acquire',
      key: 'l',
      in: { owner: 'o' },
      out: { token: 1 },
      call_ns: 1,
      return_ns: 2,
      status: 'ok',
    },
    { op: 'lapse', key: 'l', in: hold, call_ns: 20, status: 'unknown' },
    {
      client: 'b',
      op: 'acquire',
      key: 'l',
      in: { owner: 'p' },
      out: { token: 2 },
      call_ns: 3,
      return_ns: 30,
      status: 'ok',
    },
    {
      client: 'b',
      op: 'use',
      key: 'l',
      in: next,
      out: { accepted: true, seq: 1 },
      call_ns: 40,
      return_ns: 41,
      status: 'ok',
    },
    {
      client: 'a',
      op: 'use',
      key: 'l',
      in: hold,
      out: { accepted: false, seq: 2 },
      call_ns: 42,
      return_ns: 43,
      status: 'ok',
    },
  ];
  assert.deepEqual(rules(grants), ['lost-late']);
  assert.deepEqual(rules([...grants, { op: 'crash', client: 'a', call_ns: 10 }]), []);
  assert.deepEqual(checkLocks(grants, { stoppedClients: new Set(['a']) }).violations, []);
});

test('a violation shows the two holds and not the whole history', () => {
  const records = simulateLocks(2, { locks: 1, holdsPerLock: 300 });
  const holds = acquired(records).toSorted((a, b) => a.out.token - b.out.token);
  const wrong = faults[0]?.plant(records, holds) as HistoryRecord[];
  const violation = checkLocks(wrong).violations.find(({ rule }) => rule === 'two-holders');
  assert.ok(violation !== undefined && violation.message.split('\n').length <= 5, violation?.message);
});
