import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LiveKeys } from './live-keys.ts';

test('a count is what a walk over all keys counts', () => {
  const key = fc.string({ maxLength: 3, unit: fc.constantFrom('a', 'b', 'c', '\u00ff') });
  const step = fc.tuple(fc.boolean(), key);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), fc.array(fc.tuple(key, key)), (steps, spans) => {
      const counted = new LiveKeys();
      const all = new Set<string>();
      for (const [adds, one] of steps) {
        if (adds) {
          counted.add(one);
          all.add(one);
        } else {
          counted.delete(one);
          all.delete(one);
        }
      }
      for (const [low, high] of spans) {
        assert.equal(counted.count({ low, high }), [...all].filter((one) => one >= low && one < high).length);
      }
    }),
  );
});

test('buckets are split, and emptied ones go, in any order of keys', () => {
  for (const stride of [1, 7_919, 12_345 - 1]) {
    const keys = Array.from({ length: 12_345 }, (_, i) => `${(i * stride) % 12_345}`.padStart(6, '0'));
    const counted = new LiveKeys();
    for (const key of keys) counted.add(key);
    assert.equal(counted.count({ low: '', high: 'z' }), 12_345);
    assert.equal(counted.count({ low: '000100', high: '012000' }), 11_900);
    for (const key of keys) if (key < '006000') counted.delete(key);
    assert.equal(counted.count({ low: '', high: 'z' }), 6_345);
    for (const key of keys) counted.delete(key);
    assert.equal(counted.count({ low: '', high: 'z' }), 0);
  }
});
