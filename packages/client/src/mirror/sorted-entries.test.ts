import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Entry, entryOf } from '../keys/entry.ts';
import { KeySpace } from '../keys/key-space.ts';
import { nameOf, SortedEntries } from './sorted-entries.ts';

const space = new KeySpace();
const value = new Uint8Array(10);

function entry(key: Uint8Array, modRevision: number): Entry {
  return entryOf({ key, value, createRevision: 1, modRevision, version: 1, lease: null }, space);
}

/** More keys than stand in one chunk, so that chunks split and vanish; some beyond ASCII, where bytes and text order differently. */
const key = fc.oneof(
  { arbitrary: fc.nat(2_000).map((n) => Buffer.from(`k/${n}`)), weight: 20 },
  { arbitrary: fc.uint8Array({ minLength: 1, maxLength: 3 }), weight: 1 },
);
const step = fc.record({ key, isPut: fc.boolean() });

test('sorted entries are a map in the order of the bytes of its keys, and none that was given out ever changes', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(step, { minLength: 1, maxLength: 900 }), { maxLength: 8 }),
      key,
      key,
      (batches, low, high) => {
        const model = new Map<string, Entry>();
        let entries = SortedEntries.empty;
        const given: { readonly entries: SortedEntries; readonly names: readonly string[] }[] = [];
        let revision = 0;
        for (const batch of batches) {
          const draft = entries.draft();
          for (const { isPut, key: bytes } of batch) {
            const name = nameOf(bytes);
            const known = model.get(name) ?? null;
            const next = entry(bytes, ++revision);
            if (isPut) model.set(name, next);
            else model.delete(name);
            assert.equal(isPut ? draft.put({ name, entry: next }) : draft.delete(name), known);
          }
          entries = draft.finish();
          given.push({ entries, names: [...model.keys()].toSorted() });
        }
        const [from, to] = [nameOf(low), nameOf(high)];
        for (const { entries: old, names } of given) {
          assert.deepEqual(namesOf(old, '', null), names);
          const inside = names.filter((name) => name >= from && name < to);
          assert.deepEqual(namesOf(old, from, to), inside);
          assert.deepEqual(namesOf(old, from, to, true), inside.toReversed());
          assert.equal(old.size, names.length);
        }
        for (const [name, expected] of model) assert.equal(entries.get(name), expected);
        assert.equal(entries.get('none'), null);
        const emptied = entries.draft();
        for (const name of model.keys()) emptied.delete(name);
        assert.deepEqual([emptied.bytes, emptied.finish().size], [0, 0]);
      },
    ),
    { numRuns: 60 },
  );
});

function namesOf(entries: SortedEntries, low: string, high: string | null, reverse = false): string[] {
  return Array.from(entries.range(low, high, reverse), ({ name }) => name);
}
