import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { index } from '../conformance/entries.ts';
import { RecordIndex } from './record-index.ts';

type Step = { readonly kind: 'append' | 'takeFrom' | 'takeBefore' | 'atOrBefore'; readonly by: number };

const anyStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('append', 'append', 'append', 'takeFrom', 'takeBefore', 'atOrBefore'),
  by: fc.nat(40),
});

test('a record index is a sorted list, whatever is taken from its ends', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
      const records = new RecordIndex([]);
      let model: number[] = [];
      for (const { kind, by } of steps) {
        if (kind === 'append') {
          const first = (model.at(-1) ?? by) + 1 + (by % 3);
          model.push(first);
          records.append(index(first));
        } else if (kind === 'takeFrom') {
          const from = (model.at(-1) ?? 0) - by;
          assert.deepEqual(
            records.takeFrom(index(from)),
            model.filter((first) => first >= from),
          );
          model = model.filter((first) => first < from);
        } else if (kind === 'takeBefore') {
          const end = (model[0] ?? 0) + by;
          const gone = model.filter((first) => first < end).slice(0, by % 5);
          assert.deepEqual(records.takeBefore(index(end), by % 5), gone);
          model = model.slice(gone.length);
        } else {
          const at = (model[0] ?? 0) + by - 5;
          assert.equal(records.atOrBefore(index(at)), model.findLast((first) => first <= at) ?? null);
        }
        assert.equal(records.size, model.length);
      }
    }),
  );
});

test('a long list that loses its front stays right', () => {
  const firsts = Array.from({ length: 20_000 }, (_, at) => index(at + 1));
  const records = new RecordIndex(firsts);
  for (let left = 20_000; left > 0; left -= 100) {
    assert.equal(records.size, left);
    assert.deepEqual(records.takeBefore(index(20_001), 100), firsts.slice(20_000 - left, 20_000 - left + 100));
  }
  assert.equal(records.atOrBefore(index(20_000)), null);
});
