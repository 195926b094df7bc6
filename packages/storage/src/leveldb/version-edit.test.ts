import assert from 'node:assert/strict';
import { test } from 'node:test';
import { replayVersionEdits } from './version-edit.ts';

const text = (value: string): number[] => [value.length, ...Buffer.from(value, 'latin1')];
/** level, number, size 300 as a varint of two bytes, smallest, largest */
const newFile = (number: number): number[] => [7, 0, number, 0xac, 0x02, ...text('a'), ...text('z')];
const edit = (...fields: readonly number[][]): Buffer => Buffer.from(fields.flat());

test('edits are replayed in order: live tables with their sizes, the oldest log, the last sequence', () => {
  const version = replayVersionEdits([
    edit([1, ...text('leveldb.BytewiseComparator')], [2, 3], [9, 0], [3, 5], [4, 0x80, 0x01]),
    edit(newFile(5), newFile(6), [5, 1, ...text('k')]),
    edit([2, 9], [6, 0, 5], newFile(8)),
  ]);
  assert.deepEqual(
    [...version.tables],
    [
      [6, 300],
      [8, 300],
    ],
  );
  assert.equal(version.logNumber, 9);
  assert.equal(version.lastSequence, 128);
});

test('a table that moves between levels in one edit stays', () => {
  assert.deepEqual([...replayVersionEdits([edit(newFile(5)), edit([6, 0, 5], newFile(5))]).tables.keys()], [5]);
  assert.deepEqual([...replayVersionEdits([edit(newFile(5)), edit(newFile(5), [6, 0, 5])]).tables.keys()], [5]);
});

test('bytes that are no edit are refused', () => {
  for (const bad of [[8], [2], [7, 0, 5], [1, 200, 1], [2, ...Array.from({ length: 9 }, () => 0xff), 1]]) {
    assert.throws(() => replayVersionEdits([Buffer.from(bad)]), RangeError);
  }
});
