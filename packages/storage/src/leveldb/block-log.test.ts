import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBlockLog } from './block-log.ts';
import { maskedCrc32c } from './crc32c.ts';

const block = 32 * 1024;
const header = 7;
const witness = Buffer.from('0123456789abcdef');

/** A writer like LevelDB's (db/log_writer.cc). */
function blockLog(records: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const record of records) {
    let left = record;
    let begin = true;
    do {
      let room = block - (at % block);
      if (room < header) {
        parts.push(Buffer.alloc(room));
        at += room;
        room = block;
      }
      const piece = left.subarray(0, room - header);
      left = left.subarray(piece.length);
      const type = begin ? (left.length === 0 ? 1 : 2) : left.length === 0 ? 4 : 3;
      parts.push(physical(type, piece));
      at += header + piece.length;
      begin = false;
    } while (left.length > 0);
  }
  return Buffer.concat(parts);
}

function physical(type: number, payload: Buffer): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(6), Buffer.of(type), payload]);
  bytes.writeUInt32LE(maskedCrc32c(bytes.subarray(6)), 0);
  bytes.writeUInt16LE(payload.length, 4);
  return bytes;
}

const record = (size: number, fill: number): Buffer => Buffer.concat([witness, Buffer.alloc(size, fill)]);

const mixed = [100, 40_000, 1, 32_700, 0, 100_000, 700, 700].map((size, at) => record(size, at + 0x41));

test('records come back whole, across blocks and their trailers', () => {
  for (const records of [[], mixed, Array.from({ length: 3000 }, (_, at) => record(at % 37, at))]) {
    const { records: found, end } = readBlockLog(blockLog(records), witness);
    assert.deepEqual(end, { kind: 'clean' });
    assert.deepEqual(found, records);
  }
});

test('a file that ends anywhere is torn there and keeps every record before', () => {
  const file = blockLog(mixed);
  for (let length = 0; length < file.length; length += 97) {
    const { records, end } = readBlockLog(file.subarray(0, length), witness);
    assert.notEqual(end.kind, 'damaged', `${length}`);
    assert.deepEqual(records, mixed.slice(0, records.length));
    const whole = blockLog(mixed.slice(0, records.length)).length;
    assert.ok(whole <= length);
    if (end.kind === 'torn') assert.deepEqual([end.offset + end.bytes, end.offset >= whole], [length, true]);
  }
});

test('each flipped byte in front of the last record is damage', () => {
  const file = blockLog(mixed);
  const last = header + witness.length + 700;
  for (let at = 0; at < file.length - last; at += 53) {
    // The trailer of a block belongs to no record.
    if (file.subarray(at, at + 1)[0] === 0 && block - (at % block) < header) continue;
    const damaged = Buffer.from(file);
    damaged[at]! ^= 0x10;
    assert.equal(readBlockLog(damaged, witness).end.kind, 'damaged', `byte ${at}`);
  }
});

test('each flipped byte in the last record is a torn end', () => {
  const file = blockLog(mixed);
  const last = header + witness.length + 700;
  for (let at = file.length - last; at < file.length; at += 1) {
    const damaged = Buffer.from(file);
    damaged[at]! ^= 0x10;
    const { records, end } = readBlockLog(damaged, witness);
    assert.deepEqual([end.kind, records.length], ['torn', mixed.length - 1], `byte ${at}`);
  }
});

test('a batch of which a power loss kept any of its pages is a torn end', () => {
  const before = [record(500, 1), record(20_000, 2)];
  const begin = blockLog(before).length;
  const file = blockLog([...before, record(150_000, 3)]);
  const page = 4096;
  const firstPage = Math.ceil(begin / page);
  const pages = Math.ceil(file.length / page) - firstPage;
  for (let mask = 1; mask < 400; mask++) {
    const damaged = Buffer.from(file);
    for (let at = 0; at < pages; at++) {
      // The bits of a running number, spread over the pages, choose those that were lost.
      if ((mask * 2_654_435_761) & (1 << (at % 31)))
        damaged.fill(0, (firstPage + at) * page, Math.min(file.length, (firstPage + at + 1) * page));
    }
    const { records, end } = readBlockLog(damaged, witness);
    assert.notEqual(end.kind, 'damaged', `mask ${mask}`);
    assert.deepEqual(records.slice(0, 2), before);
  }
});

test('zeros behind the last record are a torn end', () => {
  const file = blockLog(mixed);
  for (const zeros of [1, 6, 7, 8, 5000, block, 3 * block]) {
    const { records, end } = readBlockLog(Buffer.concat([file, Buffer.alloc(zeros)]), witness);
    assert.equal(records.length, mixed.length);
    assert.notEqual(end.kind, 'damaged');
  }
});

test('a value that looks like a record does not keep a member from starting after its batch was torn', () => {
  const fake = physical(1, Buffer.alloc(20, 0x77));
  const hostile = Buffer.concat([witness, ...Array.from({ length: 400 }, () => fake)]);
  const whole = blockLog([record(100, 1), hostile]);
  const first = blockLog([record(100, 1)]).length;
  for (let length = first + 1; length < whole.length; length += 7) {
    assert.equal(readBlockLog(whole.subarray(0, length), witness).end.kind, 'torn', `${length}`);
  }
});

test('pieces out of order are damage in front of other records', () => {
  const full = physical(1, record(10, 1));
  for (const wrong of [
    physical(3, record(10, 2)),
    physical(4, record(10, 2)),
    physical(2, record(10, 2)),
    physical(9, witness),
  ]) {
    assert.equal(readBlockLog(Buffer.concat([full, wrong, full]), witness).end.kind, 'damaged');
    assert.equal(readBlockLog(Buffer.concat([full, wrong]), witness).end.kind, 'torn');
  }
});
