// Streams whose checksums are right and whose content is not: a defect of the sender, or somebody who means harm.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { maxValueBytes } from '../bounds.ts';
import { bytes, founders, position } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { ChunkKind, chunkHeaderBytes, sealChunk } from './chunk.ts';
import { ChunkIntake } from './chunk-intake.ts';
import { encodeHead, encodeTrailer } from './head.ts';

const meta = { id: 'made-up', position: position(9, 2), configuration: founders };
const expected = { clusterId: 'intake', meta };
const head = { ...expected, digest: bytes('digest'), bytes: 100, savedAtMs: 0 };

/** Seals one chunk behind the other, and offers each to an intake. */
class Sender {
  readonly intake = new ChunkIntake(expected, crc32);
  #crc = 0;

  /** What the intake makes of it; a refused chunk does not count as sent. */
  offer(kind: ChunkKind, payload: Uint8Array): () => readonly unknown[] {
    const frame = new Uint8Array(chunkHeaderBytes + payload.length);
    frame.set(payload, chunkHeaderBytes);
    const crc = sealChunk(frame, kind, this.intake.next, this.#crc, crc32);
    return () => {
      const taken = this.intake.take(frame);
      this.#crc = crc;
      return taken;
    };
  }

  head(): this {
    this.offer(ChunkKind.Head, encodeHead(head).subarray(chunkHeaderBytes))();
    return this;
  }

  records(...parts: readonly Uint8Array[]): () => readonly unknown[] {
    return this.offer(ChunkKind.Records, Buffer.concat(parts));
  }

  trailer(records: number, total: number): () => readonly unknown[] {
    return this.offer(ChunkKind.Trailer, encodeTrailer({ records, bytes: total }).subarray(chunkHeaderBytes));
  }
}

const u32 = (value: number): Buffer => {
  const field = Buffer.alloc(4);
  field.writeUInt32BE(value);
  return field;
};
const none = u32(0);
const record = (key: string, value: string, valueBytes = value.length): Buffer =>
  Buffer.concat([u32(key.length), u32(valueBytes), Buffer.from(key), Buffer.from(value)]);

test('a trailer that counts other than what came is refused, and the right one taken', () => {
  const sender = new Sender().head();
  sender.records(none, record('a', '1'), record('b', '22'))();
  for (const [records, total] of [
    [1, 5],
    [3, 5],
    [2, 4],
  ] as const) {
    assert.throws(sender.trailer(records, total), refusedAs('bad-chunk'));
  }
  assert.throws(() => sender.intake.complete, refusedAs('bad-chunk'));
  sender.trailer(2, 5)();
  assert.deepEqual(sender.intake.complete, head);
});

test('keys that do not ascend are refused, within a chunk and across chunks, and leave no trace', () => {
  const sender = new Sender().head();
  assert.throws(sender.records(none, record('b', '1'), record('a', '1')), refusedAs('bad-chunk'));
  assert.throws(sender.records(none, record('b', '1'), record('b', '1')), refusedAs('bad-chunk'));
  assert.equal(sender.records(none, record('b', '1'))().length, 1);
  for (const key of ['b', 'a', '']) {
    assert.throws(sender.records(none, record(key, '1')), refusedAs('bad-chunk'), key);
  }
  assert.equal(sender.records(none, record('ba', '1'))().length, 1);
  sender.trailer(2, 5)();
});

test('a value that is cut must be continued, to its end and not beyond it', () => {
  const sender = new Sender().head();
  assert.throws(sender.records(u32(1), Buffer.from('x')), refusedAs('bad-chunk'));
  assert.deepEqual(sender.records(none, record('a', 'be', 6))(), []);
  assert.throws(sender.trailer(1, 7), refusedAs('bad-chunk'));
  assert.throws(sender.records(none, record('b', '1')), refusedAs('bad-chunk'));
  assert.throws(sender.records(u32(2), Buffer.from('gi'), record('b', '1')), refusedAs('bad-chunk'));
  assert.throws(sender.records(u32(5), Buffer.from('gin n')), refusedAs('bad-chunk'));
  assert.throws(sender.records(u32(5), Buffer.from('gin')), refusedAs('bad-chunk'));
  assert.deepEqual(sender.records(u32(2), Buffer.from('gi'))(), []);
  const [one, other] = sender.records(u32(2), Buffer.from('ns'), record('b', '1'))() as { value: Uint8Array }[];
  assert.deepEqual([text(one!.value), text(other!.value)], ['begins', '1']);
  sender.trailer(2, 9)();
});

test('what is too large, too short or of an unknown kind is refused before anything is made of it', () => {
  const sender = new Sender().head();
  const wrong = {
    'an empty payload of records': sender.records(Buffer.of(1)),
    'a value beyond all bounds': sender.records(none, record('a', '', maxValueBytes + 1)),
    'a key beyond all bounds': sender.records(none, u32(2 ** 31), none),
    'half a header': sender.records(none, u32(1)),
    'a second head': sender.offer(ChunkKind.Head, encodeHead(head).subarray(chunkHeaderBytes)),
    'an unknown kind': sender.offer(3 as ChunkKind, bytes('{}')),
    'a trailer that is no JSON': sender.offer(ChunkKind.Trailer, bytes('{')),
  };
  for (const [what, take] of Object.entries(wrong)) assert.throws(take, refusedAs('bad-chunk'), what);
  sender.trailer(0, 0)();
});

test('a head of another cluster, snapshot, position or configuration is refused, whatever the order of its fields', () => {
  const others = [
    { ...head, clusterId: 'other' },
    { ...head, meta: { ...meta, id: 'other' } },
    { ...head, meta: { ...meta, position: position(9, 3) } },
    { ...head, meta: { ...meta, configuration: { ...founders, learners: founders.voters } } },
  ];
  for (const other of others) {
    const sender = new Sender();
    const payload = encodeHead(other).subarray(chunkHeaderBytes);
    assert.throws(sender.offer(ChunkKind.Head, payload), refusedAs('bad-chunk'), JSON.stringify(other));
  }
  const fields = JSON.parse(text(encodeHead(head).subarray(chunkHeaderBytes))) as object;
  const reversed = Object.fromEntries(Object.entries(fields).toReversed());
  const sender = new Sender();
  sender.offer(ChunkKind.Head, bytes(JSON.stringify(reversed)))();
  assert.deepEqual(sender.intake.head, head);
});

function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}
