import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FairQueue } from './fair-queue.ts';

const [a, b, c] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
const all = Number.POSITIVE_INFINITY;

test('who asks for much waits behind himself only', () => {
  const queue = new FairQueue<string>(() => 1);
  for (let at = 0; at < 100; at++) queue.add(a, `a${at}`);
  queue.add(b, 'b0');
  queue.add(c, 'c0');
  assert.deepEqual(queue.take(3, all), ['a0', 'b0', 'c0']);
  assert.deepEqual(queue.take(2, all), ['a1', 'a2']);
  assert.equal(queue.length, 97);
});

test('lanes give as many bytes each: who asks for large things gets no more than who asks for small ones', () => {
  const queue = new FairQueue<number>((bytes) => bytes);
  for (let at = 0; at < 10; at++) queue.add(a, 1_000);
  for (let at = 0; at < 1_000; at++) queue.add(b, 10);
  const taken = queue.take(1_000, 6_000);
  assert.equal(taken.filter((bytes) => bytes === 1_000).length, 3);
  assert.equal(taken.filter((bytes) => bytes === 10).length, 300);
});

test('whoever came too short of a bound goes first the next time, and nothing is too large to be taken', () => {
  const queue = new FairQueue<string>(({ length }) => length);
  queue.add(a, 'aaaaaaaa');
  queue.add(a, 'aaaaaaaa');
  queue.add(b, 'b');
  queue.add(c, 'c');
  assert.deepEqual(queue.take(10, 2), ['aaaaaaaa']);
  assert.deepEqual(queue.take(10, 2), ['b', 'c']);
  assert.deepEqual(queue.take(10, 2), ['aaaaaaaa']);
});

test('a lane keeps its order, nothing is lost or given twice, and none waits for more than its turn', () => {
  const lanes = [a, b, c];
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 2 }) }),
    fc.record({ take: fc.integer({ min: 1, max: 5 }), bytes: fc.constantFrom(1, 4, 10, all) }),
    fc.record({ drop: fc.integer({ min: 0, max: 2 }) }),
    fc.record({ remove: fc.integer({ min: 2, max: 4 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const bytesOf = (item: number): number => (item * 7) % 5;
      const queue = new FairQueue<number>(bytesOf);
      const model: number[][] = [[], [], []];
      let next = 0;
      for (const one of steps) {
        if ('add' in one) {
          model[one.add]?.push(next);
          queue.add(lanes[one.add] as object, next++);
        } else if ('drop' in one) {
          assert.deepEqual(queue.removeLane(lanes[one.drop] as object), model[one.drop]);
          model[one.drop] = [];
        } else if ('remove' in one) {
          const unwanted = (item: number): boolean => item % one.remove === 0;
          const expected = model.flat().filter(unwanted);
          assert.deepEqual(new Set(queue.remove(unwanted)), new Set(expected));
          for (const [at, lane] of model.entries()) model[at] = lane.filter((item) => !unwanted(item));
        } else {
          const waiting = model.filter((lane) => lane.length > 0);
          const taken = queue.take(one.take, one.bytes);
          const before = taken.slice(0, -1).reduce((sum, item) => sum + bytesOf(item), 0);
          assert.ok(taken.length === 0 || before < one.bytes, 'only the last goes beyond the bytes');
          const isFull = before + bytesOf(taken.at(-1) ?? 0) >= one.bytes;
          if (!isFull) assert.equal(taken.length, Math.min(one.take, waiting.flat().length));
          for (const lane of waiting) {
            const mine = taken.filter((item) => lane.includes(item));
            assert.deepEqual(mine, lane.slice(0, mine.length));
            if (!isFull && one.take >= waiting.length) assert.ok(mine.length > 0);
          }
          for (const [at, lane] of model.entries()) model[at] = lane.filter((item) => !taken.includes(item));
        }
        assert.equal(queue.length, model.flat().length);
      }
    }),
  );
});
