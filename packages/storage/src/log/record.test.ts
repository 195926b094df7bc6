import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxRecordBytes } from '../bounds.ts';
import { entries, entry, index, plain } from '../conformance/entries.ts';
import { cutRecord, packEntries, unpackRecord } from './record.ts';

const seed = 0x1234_5678;

test('packed entries come back, in records of at most a megabyte or one larger entry', () => {
  const many = [...entries(1, 3000, 1, 900), entry(3001, 2, maxRecordBytes + 5), ...entries(3002, 3004, 2, 0)];
  const { records, chain } = packEntries(many, seed);
  assert.ok(records.length > 3);
  let before = seed;
  const found = records.flatMap(({ first, value }) => {
    const record = unpackRecord(first, value);
    assert.ok(value.length <= maxRecordBytes || record.entries.length === 1);
    assert.equal(record.chainBefore, before);
    before = record.chain.at(-1)!;
    return plain(record.entries);
  });
  assert.deepEqual(found, many);
  assert.equal(before, chain);
});

test('each flipped bit and each missing byte is noticed', () => {
  const { value } = packEntries(entries(5, 8, 3, 11), seed).records[0]!;
  for (let bit = 0; bit < value.length * 8; bit++) {
    const damaged = Buffer.from(value);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => unpackRecord(index(5), damaged), RangeError, `bit ${bit}`);
  }
  // A cut between two entries leaves a whole record: that is how a truncation looks, and the meta record knows the tail.
  const whole = new Set(unpackRecord(index(5), value).offsets);
  for (let length = 0; length < value.length; length++) {
    if (!whole.has(length) || length < 10)
      assert.throws(() => unpackRecord(index(5), value.subarray(0, length)), RangeError);
  }
});

test('a record under another key, and an entry of another history, do not fit', () => {
  const { value } = packEntries(entries(5, 8, 3), seed).records[0]!;
  assert.throws(() => unpackRecord(index(6), value), /entry 5 where 6 is due/);
  const other = packEntries(entries(5, 8, 3), seed + 1).records[0]!;
  assert.notEqual(unpackRecord(index(5), other.value).chain.at(-1), unpackRecord(index(5), value).chain.at(-1));
});

test('a record is cut in front of any entry but the first', () => {
  const { value } = packEntries(entries(5, 8, 3), seed).records[0]!;
  const record = unpackRecord(index(5), value);
  for (let from = 6; from <= 8; from++) {
    const cut = cutRecord(value, record, index(from));
    const left = unpackRecord(index(5), cut.value);
    assert.deepEqual(plain(left.entries), entries(5, from - 1, 3));
    assert.equal(cut.chain, left.chain.at(-1));
  }
  for (const from of [5, 9]) assert.throws(() => cutRecord(value, record, index(from)), RangeError);
});

test('the bytes of a record are those of docs/durability.md', () => {
  const { records } = packEntries([{ index: index(258), term: 3 as never, kind: 1, data: Buffer.from('ab') }], 0);
  assert.equal(
    records[0]!.value.toString('hex'),
    ['01', '00000000', '45ee8a99', '00000002', '0000000000000102', '0000000000000003', '01', '6162'].join(''),
  );
});
