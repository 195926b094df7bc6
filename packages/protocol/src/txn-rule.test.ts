import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { compareBytes } from './byte-order.ts';
import type { Delete, KeyRange } from './operation.ts';
import { electionKey, electionOf, isReservedKey } from './reserved-key.ts';
import { SchemaViolation } from './schema/type.ts';
import { txnRule } from './txn-rule.ts';

const bound = fc.uint8Array({ max: 3, maxLength: 3 });
const range: fc.Arbitrary<KeyRange> = fc.record({ key: bound, end: fc.option(bound, { nil: null }) });

function contains({ key, end }: KeyRange, other: Uint8Array): boolean {
  if (end === null) return compareBytes(key, other) === 0;
  return compareBytes(key, other) <= 0 && (end.length === 0 || compareBytes(other, end) < 0);
}

function isEmpty({ key, end }: KeyRange): boolean {
  return end !== null && end.length > 0 && compareBytes(key, end) >= 0;
}

test('a branch is refused exactly when two of its writes have a key in common', () => {
  fc.assert(
    fc.property(
      fc.array(
        range.filter((one) => !isEmpty(one)),
        { maxLength: 5 },
      ),
      (ranges) => {
        // Two sets of keys meet if and only if one holds the first key of the other.
        const meet = ranges.some((a, i) => ranges.some((b, j) => i !== j && contains(a, b.key)));
        const then = ranges.map((one): Delete => ({ type: 'delete', range: one, returnPrevious: false }));
        const check = (): void => txnRule.check({ type: 'txn', compares: [], then, else: [] });
        if (meet) assert.throws(check, SchemaViolation);
        else check();
      },
    ),
    { numRuns: 3_000 },
  );
});

test('keys are ordered byte by byte, a prefix before what it begins', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (a, b) => {
      assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b));
    }),
  );
});

test('the key of an election is reserved and leads back to its name', () => {
  const name = new Uint8Array(Buffer.from('scheduler'));
  const key = electionKey(name);
  assert.equal(isReservedKey(key), true);
  assert.deepEqual(electionOf(key), name);
  assert.equal(electionOf(name), null);
  assert.equal(isReservedKey(name), false);
});
