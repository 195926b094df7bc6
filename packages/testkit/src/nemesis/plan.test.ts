import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FaultKind, faults, planFor, stormMs } from './plan.ts';

const seeds = Array.from({ length: 50 }, (_, at) => at * 7_919);

test('one seed is one plan, and another seed another', () => {
  for (const seed of seeds) assert.deepEqual(planFor(seed, 100), planFor(seed, 100));
  assert.equal(new Set(seeds.map((seed) => JSON.stringify(planFor(seed, 25)))).size, seeds.length);
});

test('a longer run begins as the shorter one of its seed', () => {
  for (const seed of seeds) {
    const short = planFor(seed, 25).rounds;
    assert.deepEqual(planFor(seed, 300).rounds.slice(0, short.length), short);
  }
});

test('five minutes have every kind of fault, whatever the seed', () => {
  const kinds = Object.values(faults).flat();
  for (const seed of seeds) {
    const planned = new Set<FaultKind>(planFor(seed, 300).rounds.flatMap(({ steps }) => steps.map(({ kind }) => kind)));
    assert.deepEqual(
      kinds.filter((kind) => !planned.has(kind)),
      [],
      `seed ${seed}`,
    );
  }
});

test('steps come in the order of their times, are over when the storm is, and overlap', () => {
  let overlapping = 0;
  for (const seed of seeds) {
    for (const { steps } of planFor(seed, 300).rounds) {
      assert.deepEqual(
        steps,
        steps.toSorted((a, b) => a.atMs - b.atMs),
      );
      for (const { atMs, forMs, target } of steps) {
        assert.ok(atMs >= 0 && forMs >= 0 && atMs + forMs <= stormMs);
        assert.ok(target === 'leader' || (target >= 0 && target < 1));
      }
      overlapping += steps.filter((step, at) => (steps[at + 1]?.atMs ?? stormMs) < step.atMs + step.forMs).length;
    }
  }
  assert.ok(overlapping > seeds.length);
});
