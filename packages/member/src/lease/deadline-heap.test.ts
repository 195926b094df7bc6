import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DeadlineHeap } from './deadline-heap.ts';

test('what is due comes out once, the earliest first, and as it was set last', () => {
  const step = fc.oneof(
    fc.record({ set: fc.integer({ min: 0, max: 9 }), atMs: fc.integer({ min: 0, max: 100 }) }),
    fc.record({ drop: fc.integer({ min: 0, max: 9 }) }),
    fc.record({ untilMs: fc.integer({ min: 0, max: 100 }), max: fc.integer({ min: 0, max: 4 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const heap = new DeadlineHeap<number>();
      const model = new Map<number, number>();
      for (const one of steps) {
        if ('set' in one) {
          heap.set(one.set, one.atMs);
          model.set(one.set, one.atMs);
        } else if ('drop' in one) {
          heap.delete(one.drop);
          model.delete(one.drop);
        } else {
          const due = [...model].filter(([, atMs]) => atMs <= one.untilMs).map(([key]) => key);
          const taken = heap.takeDue(one.untilMs, one.max);
          assert.equal(taken.length, Math.min(one.max, due.length));
          const times = taken.map((key) => model.get(key) as number);
          assert.deepEqual(
            times,
            times.toSorted((x, y) => x - y),
          );
          const left = due.filter((key) => !taken.includes(key)).map((key) => model.get(key) as number);
          assert.ok(left.every((atMs) => atMs >= (times.at(-1) ?? 0)));
          for (const key of taken) model.delete(key);
        }
        assert.equal(heap.size, model.size);
        assert.ok(heap.nextMs() <= Math.min(...model.values()), 'it never looks too late');
      }
    }),
  );
});

test('leases that come and go quickly leave nothing behind', () => {
  const heap = new DeadlineHeap<number>();
  for (let key = 0; key < 100_000; key++) {
    heap.set(key, 300_000 + key);
    heap.delete(key);
  }
  assert.ok(heap.storedEntries < 3_000, `${heap.storedEntries} entries of nothing`);
});
