// One slot of the anchor file, 512 bytes, which a disk writes whole or not at all:
//
//     0  magic "CCLA"    4  format u8       5  length of the cluster id u8     6  member u32    10  store uuid 16 B
//    26  sequence u64   34  term u64       42  vote u32, 0: none
//    46  acknowledged term u64             54  acknowledged index u64
//    62  cluster id, then zeros          508  CRC-32 of all before
import { crc32 } from 'node:zlib';
import type { Index, MemberId, Term } from '@conclave/core';
import { FieldReader, FieldWriter } from '../bytes.ts';
import type { Pledge } from '../pledge.ts';
import type { Identity } from '../storage.ts';
import { StorageError } from '../storage-error.ts';
import { uuidBytes, uuidText } from '../uuid.ts';

export const slotBytes = 512;

const magic = Buffer.from('CCLA', 'latin1');
const format = 1;
const crcOffset: number = slotBytes - 4;

export interface Slot extends Identity {
  readonly storeUuid: string;
  /** Which of two slots is newer. */
  readonly sequence: number;
  readonly pledge: Pledge;
}

export function encodeSlot(slot: Slot): Buffer {
  const clusterId = Buffer.from(slot.clusterId, 'latin1');
  const { term, vote, acknowledged } = slot.pledge;
  const writer = new FieldWriter(slotBytes)
    .bytes(magic)
    .u8(format)
    .u8(clusterId.length)
    .u32(slot.memberId)
    .bytes(uuidBytes(slot.storeUuid))
    .u64(slot.sequence)
    .u64(term)
    .u32(vote ?? 0)
    .u64(acknowledged.term)
    .u64(acknowledged.index)
    .bytes(clusterId);
  const { buffer } = writer;
  buffer.fill(0, writer.offset, crcOffset);
  buffer.writeUInt32BE(crc32(buffer.subarray(0, crcOffset)), crcOffset);
  return buffer;
}

/** Null for a slot that is damaged or was written in part. */
export function decodeSlot(bytes: Buffer): Slot | null {
  if (bytes.length !== slotBytes || !bytes.subarray(0, magic.length).equals(magic)) return null;
  if (crc32(bytes.subarray(0, crcOffset)) !== bytes.readUInt32BE(crcOffset)) return null;
  const reader = new FieldReader(bytes, magic.length);
  const version = reader.u8();
  if (version !== format) {
    throw new StorageError('unknown-format', `The anchor file has format ${version}, and this release knows ${format}`);
  }
  const clusterIdBytes = reader.u8();
  const memberId = reader.u32() as MemberId;
  const storeUuid = uuidText(reader.bytes(16));
  const sequence = reader.u64();
  const term = reader.u64() as Term;
  const vote = reader.u32() as MemberId | 0;
  const acknowledged = { term: reader.u64() as Term, index: reader.u64() as Index };
  const clusterId = reader.bytes(clusterIdBytes).toString('latin1');
  return { clusterId, memberId, storeUuid, sequence, pledge: { term, vote: vote === 0 ? null : vote, acknowledged } };
}
