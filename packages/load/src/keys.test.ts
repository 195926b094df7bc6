import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Keys } from './keys.ts';

test('each worker has keys of its own, and together they have all', () => {
  const keys = new Keys('p/', 10);
  const workers = 4;
  const seen = new Map<number, Set<number>>();
  for (let n = 0; n < 2_000; n++) {
    const worker = n % workers;
    const key = keys.randomOf(worker, workers);
    seen.set(key, (seen.get(key) ?? new Set()).add(worker));
  }
  assert.equal(seen.size, 10);
  assert.ok([...seen.values()].every((owners) => owners.size === 1));
});

test('names are in the order of their numbers, and tell them', () => {
  const keys = new Keys('p/', 200);
  assert.ok(keys.name(9) < keys.name(10) && keys.name(99) < keys.name(100));
  assert.equal(keys.numberOf(keys.name(123)), 123);
});
