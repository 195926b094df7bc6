import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventRecord, HistoryRecord, WatchEventRecord, WatchStreamRecord } from './record.ts';
import { Random } from './testing/random.ts';
import { simulateStore } from './testing/simulated-store.ts';
import { simulateWatch } from './testing/simulated-watches.ts';
import { checkTruth } from './truth.ts';
import { checkWatches } from './watches.ts';

const seeds = Array.from({ length: 60 }, (_, index) => index + 1);
const settings = { operations: 300, keys: 6, clients: 6, unknown: 0.05, withRevisions: true };

function right(seed: number): { stream: WatchStreamRecord[]; truth: EventRecord[] } {
  const { truth } = simulateStore(seed, settings);
  return { stream: simulateWatch(seed, 'w1', truth), truth };
}

function rules(stream: readonly HistoryRecord[], truth: readonly EventRecord[]): string[] {
  return checkWatches([...stream, ...truth]).violations.map(({ rule }) => rule);
}

test('watches that deliver whole revisions in order are right, with resumption, progress and compaction', () => {
  for (const seed of seeds) {
    const { stream, truth } = right(seed);
    assert.deepEqual(checkWatches([...stream, ...truth]).violations, [], `seed ${seed}`);
    assert.deepEqual(checkWatches(stream).violations, [], `seed ${seed} without the truth`);
    assert.deepEqual(checkWatches(stream).undecided, ['there is no truth dump, so gaps were not looked for']);
  }
});

interface Place {
  readonly stream: readonly WatchStreamRecord[];
  readonly truth: readonly EventRecord[];
  /** The index of an event that is neither the first nor the last. */
  readonly at: number;
  readonly event: WatchEventRecord;
}

function edit({ stream, at }: Place, removed: number, ...inserted: WatchStreamRecord[]): WatchStreamRecord[] {
  return stream.toSpliced(at, removed, ...inserted);
}

const faults: readonly {
  readonly name: string;
  readonly rules: readonly string[];
  /** Without a truth dump it cannot be told. */
  readonly needsTruth?: boolean;
  readonly plant: (place: Place) => WatchStreamRecord[] | undefined;
}[] = [
  {
    name: 'an event that is missing',
    rules: ['watch-gap', 'watch-split', 'progress-early'],
    needsTruth: true,
    // Before a compaction it would be excused.
    plant: (place) => (place.stream[place.at + 1]?.op === 'wcompacted' ? undefined : edit(place, 1)),
  },
  {
    name: 'two events that changed places',
    rules: ['watch-order', 'watch-duplicate', 'watch-gap', 'watch-split'],
    plant: (place) => {
      const next = place.stream[place.at + 1];
      return next?.op === 'wevent' && next.rev > place.event.rev ? edit(place, 2, next, place.event) : undefined;
    },
  },
  {
    name: 'an event that comes twice in a row',
    rules: ['watch-duplicate'],
    plant: (place) => edit(place, 1, place.event, place.event),
  },
  {
    name: 'an event that comes again later',
    rules: ['watch-duplicate', 'watch-order'],
    plant: (place) => {
      const later = place.stream.findIndex(
        (r, index) => index > place.at && r.op === 'wevent' && r.rev > place.event.rev,
      );
      return later < 0 ? undefined : place.stream.toSpliced(later + 1, 0, { ...place.event, batch: 1e6 });
    },
  },
  {
    name: 'a revision that is split between two batches',
    rules: ['watch-split'],
    plant: ({ stream, at, event }) => {
      const next = stream[at + 1];
      if (next?.op !== 'wevent' || next.rev !== event.rev) return undefined;
      return stream.map((r, index) => (index > at && r.op === 'wevent' ? { ...r, batch: (r.batch ?? 0) + 1 } : r));
    },
  },
  {
    name: 'progress before an event that it covers',
    rules: ['progress-early', 'watch-order'],
    plant: (place) => {
      const previous = place.stream[place.at - 1];
      if (previous?.op === 'wevent' && previous.rev === place.event.rev) return undefined;
      return edit(place, 0, { op: 'wprogress', watch: 'w1', rev: place.event.rev });
    },
  },
  {
    name: 'a value that was not written',
    rules: ['watch-invented'],
    needsTruth: true,
    plant: (place) => (place.event.type === 'put' ? edit(place, 1, { ...place.event, value: 'ghost' }) : undefined),
  },
  {
    name: 'a resumption that skips an event',
    rules: ['watch-gap', 'watch-split'],
    needsTruth: true,
    plant: (place) => edit(place, 1, { op: 'wresume', watch: 'w1', start_rev: place.event.rev + 1 }),
  },
  {
    name: 'compaction as an excuse for what was delivered already',
    rules: ['compaction-untrue'],
    plant: (place) => edit(place, 0, { op: 'wcompacted', watch: 'w1', compact_rev: 1 }),
  },
  {
    name: 'an event that the watch did not ask for',
    rules: ['watch-filter'],
    plant: ({ stream, event }) => {
      const [first, ...rest] = stream;
      return first?.op === 'watch' ? [{ ...first, key: `not ${event.key}` }, ...rest] : undefined;
    },
  },
  {
    name: 'an end that is not caught up',
    rules: ['watch-gap'],
    needsTruth: true,
    plant: ({ stream, at, event }) => {
      const previous = stream[at - 1];
      if (previous?.op === 'wevent' && previous.rev === event.rev) return undefined;
      return [...stream.slice(0, at), { op: 'wend', watch: 'w1', caught_up_rev: event.rev }];
    },
  },
];

for (const fault of faults) {
  test(`reported: ${fault.name}`, () => {
    let planted = 0;
    for (const seed of seeds) {
      const { stream, truth } = right(seed);
      const places = stream.flatMap((event, at) =>
        event.op === 'wevent' && at > 3 ? [{ stream, truth, at, event }] : [],
      );
      if (places.length === 0) continue;
      const start = new Random(seed).integer(0, places.length - 1);
      const wrong = [...places.slice(start), ...places.slice(0, start)].map(fault.plant).find((s) => s !== undefined);
      if (wrong === undefined) continue;
      planted++;
      const [reported] = rules(wrong, truth);
      assert.ok(reported !== undefined && fault.rules.includes(reported), `seed ${seed}: ${reported ?? 'nothing'}`);
      if (fault.needsTruth !== true) assert.ok(rules(wrong, []).length > 0, `seed ${seed}: nothing without the truth`);
    }
    assert.ok(planted >= seeds.length / 4, `planted only ${planted} times`);
  });
}

test('dumps of all members must be the same, and a difference is shown', () => {
  const { truth } = right(1);
  assert.deepEqual(checkTruth([...dump('n1', truth), ...dump('n2', truth)]).violations, []);
  const missing = checkTruth([...dump('n1', truth), ...dump('n2', truth.toSpliced(20, 1))]).violations;
  assert.match(missing[0]?.message ?? '', /dumps of n1 and n2 differ at event 21/);
  assert.deepEqual(checkTruth([...dump('n1', truth), ...dump('n2', truth.slice(0, -1))]).violations.length, 1);
});

test('a dump that goes back in time or changes a key twice at once is wrong', () => {
  const { truth } = right(1);
  const [first, second] = truth as [EventRecord, EventRecord];
  assert.deepEqual(
    checkTruth([second, first]).violations.map(({ rule }) => rule),
    ['truth-order'],
  );
  assert.deepEqual(
    checkTruth([first, first]).violations.map(({ rule }) => rule),
    ['truth-order'],
  );
});

function dump(client: string, events: readonly EventRecord[]): EventRecord[] {
  return events.map((event) => ({ ...event, client }));
}
