// A log record: consecutive entries packed into one value, so that a batch of many entries costs LevelDB what a batch of one does.
//
//     value   format u8 | chain before u32 | entries
//     entry   crc u32 | data length u32 | index u64 | term u64 | kind u8 | data
//
// An entry's crc is the CRC-32 of everything behind it in the entry, seeded with the crc of its predecessor: one number is checksum
// and chain, so an entry that is intact but belongs to another history does not fit. The chain begins with the CRC-32 of the store
// uuid's 16 bytes. `chain before` lets a reader begin in the middle of the log.
import { crc32 } from 'node:zlib';
import type { Entry, EntryKind, Index, Term } from '@conclave/core';
import { maxRecordBytes } from '../bounds.ts';
import { FieldReader, FieldWriter } from '../bytes.ts';

const format = 1;
const recordHeaderBytes = 5;
const entryHeaderBytes = 25;
const crcBytes = 4;

export interface PackedRecord {
  readonly first: Index;
  readonly value: Buffer;
}

export interface UnpackedRecord {
  readonly entries: readonly Entry[];
  readonly chainBefore: number;
  /** The crc of each entry, in order. */
  readonly chain: readonly number[];
  /** Where each entry begins in the value. */
  readonly offsets: readonly number[];
}

/** Records of at most 1 MiB each, or of one larger entry, and the crc of the last entry. */
export function packEntries(
  entries: readonly Entry[],
  chainBefore: number,
): { readonly records: readonly PackedRecord[]; readonly chain: number } {
  const records: PackedRecord[] = [];
  let chain = chainBefore;
  for (let from = 0; from < entries.length; ) {
    let to = from;
    let bytes = recordHeaderBytes;
    do {
      bytes += entryHeaderBytes + entries[to]!.data.length;
      to++;
    } while (to < entries.length && bytes + entryHeaderBytes + entries[to]!.data.length <= maxRecordBytes);
    const packed = packRecord(entries, from, to, bytes, chain);
    records.push({ first: entries[from]!.index, value: packed.value });
    chain = packed.chain;
    from = to;
  }
  return { records, chain };
}

function packRecord(entries: readonly Entry[], from: number, to: number, bytes: number, chainBefore: number) {
  const writer = new FieldWriter(bytes).u8(format).u32(chainBefore);
  const { buffer } = writer;
  let chain = chainBefore;
  for (let at = from; at < to; at++) {
    const { index, term, kind, data } = entries[at]!;
    const begin = writer.offset;
    writer.u32(0).u32(data.length).u64(index).u64(term).u8(kind).bytes(data);
    chain = crc32(buffer.subarray(begin + crcBytes, writer.offset), chain);
    buffer.writeUInt32BE(chain, begin);
  }
  return { value: buffer, chain };
}

/**
 * Throws a RangeError that says what is wrong: a checksum, an index out of sequence, a term that falls, a format of another release.
 * Data of the entries are views into `value`.
 */
export function unpackRecord(first: Index, value: Uint8Array): UnpackedRecord {
  const reader = new FieldReader(value);
  const version = reader.u8();
  if (version !== format) throw new RangeError(`record format ${version}`);
  const chainBefore = reader.u32();
  const entries: Entry[] = [];
  const chain: number[] = [];
  const offsets: number[] = [];
  let crc = chainBefore;
  let index: number = first;
  let term = 0;
  do {
    const begin = reader.offset;
    const stored = reader.u32();
    const length = reader.u32();
    const entry = {
      index: reader.u64() as Index,
      term: reader.u64() as Term,
      kind: reader.u8() as EntryKind,
      data: reader.bytes(length),
    };
    crc = crc32(value.subarray(begin + crcBytes, reader.offset), crc);
    if (crc !== stored) throw new RangeError(`the checksum of entry ${index} does not match`);
    if (entry.index !== index) throw new RangeError(`entry ${entry.index} where ${index} is due`);
    if (entry.term < term) throw new RangeError(`entry ${index} of term ${entry.term} behind one of term ${term}`);
    entries.push(entry);
    chain.push(crc);
    offsets.push(begin);
    term = entry.term;
    index++;
  } while (reader.left > 0);
  return { entries, chainBefore, chain, offsets };
}

/** The same record without its entries from `from` on, of which at least one must remain. */
export function cutRecord(value: Buffer, record: UnpackedRecord, from: Index): { value: Buffer; chain: number } {
  const keep = from - record.entries[0]!.index;
  if (keep <= 0 || keep >= record.entries.length) throw new RangeError(`entry ${from} is not inside the record`);
  return { value: value.subarray(0, record.offsets[keep]), chain: record.chain[keep - 1]! };
}
