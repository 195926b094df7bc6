// One chunk of a snapshot's stream, at most 256 KiB; all numbers are big-endian:
//
//     0  magic "CCLS"    4  format u8    5  kind u8    6  number u32    10  payload length u32    14  crc u32    18  payload
//
// The crc is the CRC-32 of bytes 0 to 13 and the payload, seeded with the crc of the chunk before (0 for the first): one number is
// checksum, order and chain. Chunk 0 is the head, the last one the trailer, all between hold records (see the classes that use this).
// Nothing here is Node's: a stream may begin or end in a simulator or a browser.
import { maxSnapshotChunkBytes } from '../bounds.ts';
import { StorageError } from '../storage-error.ts';

/** `zlib.crc32`, or the same without Node. */
export type Crc32 = (bytes: Uint8Array, seed: number) => number;

/** Written into files and onto the wire: never renumber. */
export const ChunkKind = { Head: 0, Records: 1, Trailer: 2 } as const;
export type ChunkKind = (typeof ChunkKind)[keyof typeof ChunkKind];

export interface Chunk {
  readonly kind: ChunkKind;
  readonly number: number;
  readonly payload: Uint8Array;
  readonly crc: number;
}

export const chunkHeaderBytes = 18;

const magic = 0x43434c53;
const format = 1;
const crcOffset = 14;

/** Fills in the header of `frame`, whose payload is in its place already. Returns the crc. */
export function sealChunk(frame: Uint8Array, kind: ChunkKind, number: number, crcBefore: number, crc32: Crc32): number {
  const view = viewOf(frame);
  view.setUint32(0, magic);
  view.setUint8(4, format);
  view.setUint8(5, kind);
  view.setUint32(6, number);
  view.setUint32(10, frame.length - chunkHeaderBytes);
  const crc = crcOf(frame, crcBefore, crc32);
  view.setUint32(crcOffset, crc);
  return crc;
}

/** Throws `bad-chunk` unless it is whole, in place, and continues the chunk with `crcBefore`. */
export function readChunk(frame: Uint8Array, due: number, crcBefore: number, crc32: Crc32): Chunk {
  const view = viewOf(frame);
  if (frame.length <= chunkHeaderBytes || frame.length > maxSnapshotChunkBytes || view.getUint32(0) !== magic) {
    throw badChunk(due, `${frame.length} bytes that are no chunk`);
  }
  const version = view.getUint8(4);
  if (version !== format) {
    throw new StorageError('unknown-format', `The snapshot has format ${version}, and this release knows ${format}`);
  }
  const number = view.getUint32(6);
  if (number !== due) throw badChunk(due, `chunk ${number} came instead`);
  if (view.getUint32(10) !== frame.length - chunkHeaderBytes) throw badChunk(due, 'its length is not the one it names');
  const crc = view.getUint32(crcOffset);
  if (crcOf(frame, crcBefore, crc32) !== crc) throw badChunk(due, 'its checksum does not match');
  return { kind: view.getUint8(5) as ChunkKind, number, payload: frame.subarray(chunkHeaderBytes), crc };
}

export function badChunk(number: number, what: string): StorageError {
  return new StorageError('bad-chunk', `Chunk ${number} of the snapshot cannot be taken: ${what}`);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function crcOf(frame: Uint8Array, seed: number, crc32: Crc32): number {
  return crc32(frame.subarray(chunkHeaderBytes), crc32(frame.subarray(0, crcOffset), seed));
}
