// The log's meta record, rewritten in the same batch as every change of the log, so that a batch holds the whole truth:
//
//     format u8 | cluster id length u8, cluster id | member u32 | store uuid 16 B
//     term u64 | vote u32, 0: none | commit u64 | acknowledged term u64 | acknowledged index u64
//     base index u64 | base term u64 | chain at base u32 | tail u64 | chain at tail u32
//     state generation u32 | first configuration | peers: count u16, each { member u32 | store uuid 16 B }
//     crc u32: CRC-32 of all before
import { crc32 } from 'node:zlib';
import type { Configuration, Index, LogPosition, MemberId, Term } from '@conclave/core';
import { asBuffer, FieldReader, FieldWriter } from '../bytes.ts';
import { configurationBytes, readConfiguration, writeConfiguration } from '../configuration.ts';
import type { Identity } from '../storage.ts';
import { StorageError } from '../storage-error.ts';
import { uuidBytes, uuidText } from '../uuid.ts';
import type { LogHead } from './merge.ts';

const format = 1;
const crcBytes = 4;
const uuidLength = 16;

export interface LogMeta extends Identity, Omit<LogHead, 'terms'> {
  readonly storeUuid: string;
  /** The crc that the first entry behind `base` is seeded with. */
  readonly chainAtBase: number;
  /** The crc of the last entry. */
  readonly chainAtTail: number;
  /** Of the founding, or of the last snapshot that was received. Once there is a checkpoint, its own counts. */
  readonly configuration: Configuration;
  /** Which directory holds the state; 0 until a snapshot was received. Written in the batch that switches to it. */
  readonly stateGeneration: number;
  readonly peerStores: ReadonlyMap<MemberId, string>;
}

/** Where the chain of a new store begins: entries of another store never fit. */
export function firstChain(storeUuid: string): number {
  return crc32(uuidBytes(storeUuid));
}

/** Where the chain goes on behind a snapshot: entries of the log that it replaced never fit. */
export function chainBehind(storeUuid: string, generation: number, { index, term }: LogPosition): number {
  const writer = new FieldWriter(uuidLength + 4 + 8 + 8).bytes(uuidBytes(storeUuid));
  return crc32(writer.u32(generation).u64(index).u64(term).buffer);
}

export function encodeMeta(meta: LogMeta): Buffer {
  const clusterId = Buffer.from(meta.clusterId, 'latin1');
  const { term, vote, commit } = meta.hardState;
  const peers = meta.peerStores.size * (4 + uuidLength);
  const fixed = 2 + 4 + uuidLength + 8 + 4 + 8 + 16 + 16 + 4 + 8 + 4 + 4 + 2 + crcBytes;
  const writer = new FieldWriter(fixed + clusterId.length + configurationBytes(meta.configuration) + peers)
    .u8(format)
    .u8(clusterId.length)
    .bytes(clusterId)
    .u32(meta.memberId)
    .bytes(uuidBytes(meta.storeUuid))
    .u64(term)
    .u32(vote ?? 0)
    .u64(commit)
    .u64(meta.acknowledged.term)
    .u64(meta.acknowledged.index)
    .u64(meta.base.index)
    .u64(meta.base.term)
    .u32(meta.chainAtBase)
    .u64(meta.tail)
    .u32(meta.chainAtTail)
    .u32(meta.stateGeneration);
  writeConfiguration(writer, meta.configuration);
  writer.u16(meta.peerStores.size);
  for (const [member, uuid] of meta.peerStores) writer.u32(member).bytes(uuidBytes(uuid));
  return writer.u32(crc32(writer.buffer.subarray(0, writer.offset))).buffer;
}

/** Rejects with `corrupt` or `unknown-format`. */
export function decodeMeta(value: Uint8Array): LogMeta {
  const bytes = asBuffer(value);
  const crcOffset = bytes.length - crcBytes;
  if (crcOffset < 1 || crc32(bytes.subarray(0, crcOffset)) !== bytes.readUInt32BE(crcOffset)) {
    throw new StorageError('corrupt', "The checksum of the log's meta record does not match");
  }
  const reader = new FieldReader(bytes);
  const version = reader.u8();
  if (version !== format) {
    throw new StorageError('unknown-format', `The log has format ${version}, and this release knows ${format}`);
  }
  const clusterId = reader.bytes(reader.u8()).toString('latin1');
  const memberId = reader.u32() as MemberId;
  const storeUuid = uuidText(reader.bytes(uuidLength));
  const term = reader.u64() as Term;
  const vote = reader.u32() as MemberId | 0;
  const hardState = { term, vote: vote === 0 ? null : vote, commit: reader.u64() as Index };
  const acknowledged = { term: reader.u64() as Term, index: reader.u64() as Index };
  const base: LogPosition = { index: reader.u64() as Index, term: reader.u64() as Term };
  const chainAtBase = reader.u32();
  const tail = reader.u64() as Index;
  const chainAtTail = reader.u32();
  const stateGeneration = reader.u32();
  const configuration = readConfiguration(reader);
  const peerStores = new Map<MemberId, string>();
  for (let left = reader.u16(); left > 0; left--) {
    peerStores.set(reader.u32() as MemberId, uuidText(reader.bytes(uuidLength)));
  }
  return {
    clusterId,
    memberId,
    storeUuid,
    hardState,
    acknowledged,
    base,
    chainAtBase,
    tail,
    chainAtTail,
    stateGeneration,
    configuration,
    peerStores,
  };
}
