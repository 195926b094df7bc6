import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeyRange } from '@conclave/protocol';
import * as fc from 'fast-check';
import { behindReserved, keyText, merged, Selection, selects } from './selection.ts';

const key = fc.uint8Array({ min: 97, max: 99, maxLength: 3 });
const range: fc.Arbitrary<KeyRange> = fc.record({ key, end: fc.option(key) });

test('a key finds exactly the watches that select it, also after others left', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(range, fc.boolean()), { maxLength: 12 }), key, (ranges, wanted) => {
      const selection = new Selection<number>();
      for (const [at, [one]] of ranges.entries()) selection.add(one, at);
      for (const [at, [one, leaves]] of ranges.entries()) if (leaves) selection.remove(one, at);
      const found = new Set<number>();
      selection.match(wanted, (watch) => found.add(watch));
      const expected = ranges.flatMap(([one, leaves], at) => (!leaves && selects(one, wanted) ? [at] : []));
      assert.deepEqual(found, new Set(expected));
    }),
  );
});

test('merged ranges select what the ranges did, each key in one of them, in order', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), fc.array(key, { maxLength: 20 }), (ranges, keys) => {
      const result = merged(ranges);
      for (const one of keys) {
        const times = result.filter((each) => selects(each, one)).length;
        assert.equal(times, ranges.some((each) => selects(each, one)) ? 1 : 0);
      }
      const starts = result.map((each) => keyText(each.key));
      assert.deepEqual(starts, starts.toSorted());
    }),
    { numRuns: 1_000 },
  );
});

test('a range over everything begins behind the reserved keys; one that names them does not', () => {
  const everything = behindReserved({ key: new Uint8Array(), end: new Uint8Array() });
  const reserved = Uint8Array.of(0, 101, 1);
  assert.equal(selects(everything, reserved), false);
  assert.equal(selects(everything, Uint8Array.of(1)), true);
  assert.equal(selects(behindReserved({ key: reserved, end: null }), reserved), true);
});
