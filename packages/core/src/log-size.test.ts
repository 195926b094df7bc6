import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LogSize } from './log-size.ts';
import type { Index } from './types.ts';

const i = (index: number): Index => index as Index;
const span = 65_536;

test('the tail that fits is never larger than asked for, and at most two spans smaller than it could be', () => {
  const sizes = fc.array(fc.integer({ min: 32, max: 40_000 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 0, max: 2_000_000 }), fc.integer({ min: 0, max: 10 }), (bytes, max, cut) => {
      const subject = new LogSize();
      for (const [at, size] of bytes.entries()) subject.appended(i(at + 1), size);
      const kept = [...bytes];
      for (let left = Math.min(cut, bytes.length - 1); left > 0; left--) {
        subject.removed(i(kept.length), kept.at(-1) ?? 0);
        kept.pop();
      }
      const first = subject.firstWithin(max);
      const tail = kept.slice(first - 1).reduce((sum, size) => sum + size, 0);
      assert.ok(tail <= max, `${tail} bytes from ${first} on, of ${max}`);
      const largest = Math.max(...bytes);
      if (first > 1) assert.ok(tail + 2 * (span + largest) > max, `only ${tail} bytes, of ${max}`);
    }),
  );
});

test('what was cut in front is not counted any more', () => {
  const subject = new LogSize();
  for (let index = 1; index <= 10; index++) subject.appended(i(index), span);
  subject.compactedTo(i(7));
  assert.equal(subject.firstWithin(3 * span), 1);
  assert.equal(subject.firstWithin(2 * span), 9);
  subject.clear();
  assert.equal(subject.firstWithin(0), 1);
});
