import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { checkLinearizability, isKeyRecord } from './linearizability.ts';
import { canonical, type HistoryRecord, type Json, type OperationRecord } from './record.ts';
import { type KeyRecord, movesOfKey } from './register.ts';
import { defaultMaxConfigurations, search } from './search.ts';
import { isLinearizableByDefinition } from './testing/brute-force.ts';
import { Random } from './testing/random.ts';
import { type StoreSettings, simulateStore } from './testing/simulated-store.ts';

const settings: StoreSettings = { operations: 300, keys: 6, clients: 6, unknown: 0.05, withRevisions: false };
const seeds = Array.from({ length: 60 }, (_, index) => index + 1);

function rules(records: readonly HistoryRecord[]): string[] {
  const { violations, undecided } = checkLinearizability(records);
  assert.deepEqual(undecided, []);
  return violations.map(({ rule }) => rule);
}

test('histories of a register that takes effect between call and return are linearizable', () => {
  for (const seed of seeds) {
    const { records } = simulateStore(seed, { ...settings, withRevisions: seed % 2 === 0 });
    assert.deepEqual(checkLinearizability(records).violations, [], `seed ${seed}`);
  }
});

test('many unknown outcomes and much contention stay decidable', () => {
  for (const seed of seeds.slice(0, 20)) {
    const hard = { operations: 800, keys: 2, clients: 12, unknown: 0.25, withRevisions: false };
    const verdict = checkLinearizability(simulateStore(seed, hard).records);
    assert.deepEqual([verdict.violations, verdict.undecided], [[], []], `seed ${seed}`);
  }
});

test('twenty thousand operations are judged', () => {
  const many = { operations: 20_000, keys: 30, clients: 16, unknown: 0.02, withRevisions: false };
  const verdict = checkLinearizability(simulateStore(7, many).records);
  assert.deepEqual([verdict.violations, verdict.undecided], [[], []]);
  assert.ok(verdict.judged >= 20_000);
});

interface Planted {
  readonly name: string;
  readonly rule: string;
  /** The wrong history, or undefined when there is no place for this fault. */
  readonly plant: (records: readonly HistoryRecord[], random: Random) => HistoryRecord[] | undefined;
}

type OkRecord<Op extends 'get' | 'put' | 'cas' | 'delete'> = Extract<OperationRecord<Op>, { status: 'ok' }>;

function answered<Op extends 'get' | 'put' | 'cas' | 'delete'>(
  records: readonly HistoryRecord[],
  op: Op,
): OkRecord<Op>[] {
  return records.filter((record) => record.op === op && 'status' in record && record.status === 'ok') as OkRecord<Op>[];
}

/** A put of a value that was certainly overwritten before `beforeNs`. */
function overwritten(records: readonly HistoryRecord[], key: string, beforeNs: number): OkRecord<'put'> | undefined {
  const puts = answered(records, 'put').filter((put) => put.key === key && put.return_ns < beforeNs);
  return puts.find((put) => puts.some((later) => later.call_ns > put.return_ns));
}

function replace(records: readonly HistoryRecord[], old: HistoryRecord, by: HistoryRecord): HistoryRecord[] {
  return records.map((record) => (record === old ? by : record));
}

function firstOf<T, R>(items: readonly T[], random: Random, make: (item: T) => R | undefined): R | undefined {
  const start = random.integer(0, Math.max(0, items.length - 1));
  for (let index = 0; index < items.length; index++) {
    const made = make(items[(start + index) % items.length] as T);
    if (made !== undefined) return made;
  }
  return undefined;
}

const faults: readonly Planted[] = [
  {
    name: 'a stale read',
    rule: 'not-linearizable',
    plant: (records, random) =>
      firstOf(answered(records, 'get'), random, (get) => {
        const old = overwritten(records, get.key, get.call_ns);
        return old && replace(records, get, { ...get, out: { value: old.in.value } });
      }),
  },
  {
    name: 'an acknowledged write that is missing: the key reads as before it',
    rule: 'not-linearizable',
    plant: (records, random) =>
      firstOf(answered(records, 'put'), random, (put) => {
        const endNs = Math.max(...records.map((record) => ('return_ns' in record ? (record.return_ns ?? 0) : 0)));
        const old = overwritten(records, put.key, put.call_ns);
        if (old === undefined) return undefined;
        const read = {
          client: 'late',
          op: 'get',
          key: put.key,
          in: {},
          status: 'ok',
          out: { value: old.in.value },
        } as const;
        return [...records, { ...read, call_ns: endNs + 1, return_ns: endNs + 2 }];
      }),
  },
  {
    name: 'a lost update: two swaps from one value',
    rule: 'not-linearizable',
    plant: (records, random) =>
      firstOf(answered(records, 'cas'), random, (cas) => {
        if (!cas.out.swapped || cas.in.expect === null) return undefined;
        const twin = { ...cas, client: 'twin', in: { ...cas.in, value: 'twin' }, out: { swapped: true } };
        return [...records, { ...twin, call_ns: cas.return_ns + 1, return_ns: cas.return_ns + 2 }];
      }),
  },
  {
    name: 'a swap on a wrong value',
    rule: 'not-linearizable',
    plant: (records, random) =>
      firstOf(answered(records, 'cas'), random, (cas) => {
        const old = overwritten(records, cas.key, cas.call_ns);
        if (cas.out.swapped || old === undefined) return undefined;
        return replace(records, cas, { ...cas, in: { ...cas.in, expect: old.in.value }, out: { swapped: true } });
      }),
  },
  {
    name: 'a double effect: a value comes back after another was read',
    rule: 'not-linearizable',
    plant: (records, random) =>
      firstOf(answered(records, 'get'), random, (get) => {
        const old = overwritten(records, get.key, get.call_ns);
        if (old === undefined || get.out.value === null) return undefined;
        const again = { ...get, client: 'again', out: { value: old.in.value } };
        return [...records, { ...again, call_ns: get.return_ns + 1, return_ns: get.return_ns + 2 }];
      }),
  },
  {
    name: 'a read of a value that was never written',
    rule: 'never-written',
    plant: (records, random) =>
      firstOf(answered(records, 'get'), random, (get) => replace(records, get, { ...get, out: { value: 'ghost' } })),
  },
  {
    name: 'a read of a value that only a failed operation would have written',
    rule: 'never-written',
    plant: (records, random) =>
      firstOf(records, random, (failed) => {
        if (failed.op !== 'put' || failed.status !== 'fail') return undefined;
        const read = answered(records, 'get').find((get) => get.key === failed.key && get.call_ns > failed.call_ns);
        return read && replace(records, read, { ...read, out: { value: failed.in.value } });
      }),
  },
  {
    name: 'a stale read of a value that was never committed',
    rule: 'never-written',
    plant: (records, random) =>
      firstOf(records, random, (get) =>
        get.op === 'get_stale' && get.status === 'ok'
          ? replace(records, get, { ...get, out: { value: 'ghost' } })
          : undefined,
      ),
  },
  {
    name: 'a previous value that was not there',
    rule: 'not-linearizable',
    plant: (records, random) =>
      firstOf(answered(records, 'put'), random, (put) => {
        const old = overwritten(records, put.key, put.call_ns);
        return old && replace(records, put, { ...put, out: { prev: old.in.value } });
      }),
  },
];

for (const { name, rule, plant } of faults) {
  test(`reported: ${name}`, () => {
    let planted = 0;
    for (const seed of seeds) {
      const wrong = plant(simulateStore(seed, settings).records, new Random(seed));
      if (wrong === undefined) continue;
      planted++;
      assert.ok(rules(wrong).includes(rule), `seed ${seed}: ${rules(wrong).join() || 'nothing'} was reported`);
    }
    assert.ok(planted >= seeds.length / 4, `planted only ${planted} times`);
  });
}

test('a violation shows few operations, and they have no order by themselves', () => {
  const sizes: number[] = [];
  for (const seed of seeds.slice(0, 20)) {
    const wrong = faults[0]?.plant(simulateStore(seed, settings).records, new Random(seed));
    if (wrong === undefined) continue;
    const message = checkLinearizability(wrong).violations[0]?.message ?? '';
    sizes.push(message.split('\n').length - 1);
  }
  const median = sizes.toSorted((a, b) => a - b)[sizes.length >> 1] ?? 0;
  assert.ok(median > 0 && median <= 12, `median window: ${median} of 50 operations a key`);
});

test('a search over its budget is undecided, not a violation', () => {
  const { records } = simulateStore(3, settings);
  const verdict = checkLinearizability(records, { maxConfigurations: 3 });
  assert.deepEqual(verdict.violations, []);
  assert.ok(verdict.undecided.length > 0);
});

function readOf(value: Json, call_ns: number): HistoryRecord {
  return { client: 'd', op: 'get', key: 'k', in: {}, call_ns, return_ns: call_ns + 1, status: 'ok', out: { value } };
}

test('an unknown operation may take effect late, never, but only once and not before its call', () => {
  const put = { client: 'c', op: 'put', key: 'k', in: { value: 1 }, call_ns: 10, status: 'unknown' } as const;
  assert.deepEqual(rules([put, readOf(null, 20), readOf(1, 30), readOf(1, 40)]), []);
  assert.deepEqual(rules([put, readOf(null, 20), readOf(null, 30)]), []);
  assert.deepEqual(rules([put, readOf(1, 20), readOf(null, 30)]), ['not-linearizable']);
  assert.deepEqual(rules([put, readOf(1, 5)]), ['never-written']);
});

// Few values and few operations, so that collisions and contradictions are common.
const smallValue = fc.constantFrom<Json>(1, 2, 3);
const smallOrNull = fc.constantFrom<Json>(null, 1, 2, 3);
const shape = fc.oneof(
  fc.record({ op: fc.constant('get'), in: fc.constant({}), out: fc.record({ value: smallOrNull }) }),
  fc.record({
    op: fc.constant('put'),
    in: fc.record({ value: smallValue }),
    out: fc.record({ prev: smallOrNull }, { requiredKeys: [] }),
  }),
  fc.record({
    op: fc.constant('cas'),
    in: fc.record({ expect: smallOrNull, value: smallValue }),
    out: fc.record({ swapped: fc.boolean(), value: smallOrNull }, { requiredKeys: ['swapped'] }),
  }),
  fc.record({
    op: fc.constant('delete'),
    in: fc.constant({}),
    out: fc.record({ existed: fc.boolean() }, { requiredKeys: [] }),
  }),
);
const tinyHistory = fc.array(
  fc.record({
    shape,
    call: fc.integer({ min: 0, max: 12 }),
    length: fc.integer({ min: 0, max: 6 }),
    status: fc.constantFrom('ok', 'ok', 'ok', 'unknown', 'fail'),
  }),
  { maxLength: 6 },
);

function tinyRecords(plan: typeof tinyHistory extends fc.Arbitrary<infer T> ? T : never, unique: boolean): KeyRecord[] {
  return plan
    .map((each, index) => {
      const { op, in: input, out } = each.shape;
      const owned = unique && 'value' in input ? { ...input, value: index + 1 } : input;
      const base = {
        client: `c${index}`,
        op,
        key: 'k',
        in: owned,
        call_ns: each.call,
        return_ns: each.call + each.length,
      };
      const { value: found, ...rest } = out as { value?: Json };
      // A swap's value in the answer is what was written; the definition below leaves it unsaid.
      const answer =
        op === 'cas' && (out as { swapped: boolean }).swapped
          ? rest
          : { ...rest, ...(found !== undefined && { value: found }) };
      return each.status === 'ok' ? { ...base, status: 'ok', out: answer } : { ...base, status: each.status };
    })
    .filter((record) => isKeyRecord(record as HistoryRecord)) as KeyRecord[];
}

for (const unique of [false, true]) {
  test(`the search agrees with the definition on every tiny history (${unique ? 'unique' : 'repeated'} values)`, () => {
    const found = { yes: 0, no: 0 };
    fc.assert(
      fc.property(tinyHistory, smallOrNull, (plan, drawn) => {
        const init = unique && drawn !== null ? 100 : drawn;
        const records = tinyRecords(plan, unique);
        const expected = isLinearizableByDefinition(records, init);
        if (expected) found.yes++;
        else found.no++;
        const { kind } = search(movesOfKey(records, init), init === null ? 0 : 1, defaultMaxConfigurations);
        assert.equal(kind, expected ? 'explained' : 'impossible', canonical(records as never));
        // The whole checker agrees: what it takes away as never written it reports.
        const init_: HistoryRecord[] = init === null ? [] : [{ op: 'init', key: 'k', in: { value: init } }];
        const { violations } = checkLinearizability([...init_, ...records]);
        assert.equal(violations.length === 0, expected, canonical(records as never));
      }),
      { numRuns: 4_000 },
    );
    assert.ok(found.yes > 200 && found.no > 200, JSON.stringify(found));
  });
}
