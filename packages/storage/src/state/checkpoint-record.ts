// What a checkpoint says of itself, written in the same batch as its changes:
//
//     format u8 | store uuid 16 B | state generation u32 | present u8
//     index u64 | term u64 | digest length u16, digest | configuration | crc u32: CRC-32 of all before
//
// `present` is 0 in a store that never had a checkpoint; the fields behind it are then zero and empty.
import { crc32 } from 'node:zlib';
import type { Index, Term } from '@conclave/core';
import { maxDigestBytes } from '../bounds.ts';
import { asBuffer, FieldReader, FieldWriter } from '../bytes.ts';
import { configurationBytes, readConfiguration, writeConfiguration } from '../configuration.ts';
import type { Checkpoint } from '../storage.ts';
import { assertUse, StorageError } from '../storage-error.ts';
import { uuidBytes, uuidText } from '../uuid.ts';

const format = 1;
const crcBytes = 4;

export interface CheckpointRecord {
  readonly storeUuid: string;
  readonly generation: number;
  readonly checkpoint: Checkpoint | null;
}

const nothing: Checkpoint = {
  position: { index: 0 as Index, term: 0 as Term },
  configuration: { voters: [], votersOutgoing: [], learners: [], learnersNext: [], leaseReads: false },
  digest: new Uint8Array(),
};

export function encodeCheckpoint({ storeUuid, generation, checkpoint }: CheckpointRecord): Buffer {
  const { position, configuration, digest } = checkpoint ?? nothing;
  assertUse(digest.length <= maxDigestBytes, `a digest of ${digest.length} bytes; the limit is ${maxDigestBytes}`);
  const fixed = 1 + 16 + 4 + 1 + 8 + 8 + 2 + crcBytes;
  const writer = new FieldWriter(fixed + digest.length + configurationBytes(configuration))
    .u8(format)
    .bytes(uuidBytes(storeUuid))
    .u32(generation)
    .u8(checkpoint === null ? 0 : 1)
    .u64(position.index)
    .u64(position.term)
    .u16(digest.length)
    .bytes(digest);
  writeConfiguration(writer, configuration);
  return writer.u32(crc32(writer.buffer.subarray(0, writer.offset))).buffer;
}

/** Rejects with `corrupt` or `unknown-format`. */
export function decodeCheckpoint(value: Uint8Array): CheckpointRecord {
  const bytes = asBuffer(value);
  const crcOffset = bytes.length - crcBytes;
  if (crcOffset < 1 || crc32(bytes.subarray(0, crcOffset)) !== bytes.readUInt32BE(crcOffset)) {
    throw new StorageError('corrupt', "The checksum of the state's checkpoint record does not match");
  }
  const reader = new FieldReader(bytes);
  const version = reader.u8();
  if (version !== format) {
    throw new StorageError('unknown-format', `The state has format ${version}, and this release knows ${format}`);
  }
  const storeUuid = uuidText(reader.bytes(16));
  const generation = reader.u32();
  const present = reader.u8() === 1;
  const position = { index: reader.u64() as Index, term: reader.u64() as Term };
  const digest = new Uint8Array(reader.bytes(reader.u16()));
  const configuration = readConfiguration(reader);
  return { storeUuid, generation, checkpoint: present ? { position, configuration, digest } : null };
}
