// A stored value: format u8 | crc u32 | bytes. The crc is the CRC-32 of the store uuid's 16 bytes, the generation as u32, the key and then the
// bytes: a value under another key, of another member, or of a state that was replaced is as wrong as a flipped bit. LevelDB itself returns
// damaged values as good ones (study/reliability.md §0, 8), and takes a table of another database for its own if only the size is right.
//
// Format 1 had a crc of key and bytes alone; it is still read, and no longer written.
import { crc32 } from 'node:zlib';
import { asBuffer, FieldWriter } from '../bytes.ts';
import { uuidBytes } from '../uuid.ts';

const format = 2;
const formatWithoutSeed = 1;
const headerBytes = 5;

/** What the values of a state begin their checksums with. */
export function frameSeed(storeUuid: string, generation: number): number {
  return crc32(new FieldWriter(20).bytes(uuidBytes(storeUuid)).u32(generation).buffer);
}

export function frameValue(key: Uint8Array, value: Uint8Array, seed: number): Buffer {
  const crc = checksum(key, value, seed);
  return new FieldWriter(headerBytes + value.length).u8(format).u32(crc).bytes(value).buffer;
}

/** A view of the value; null when it is damaged. */
export function unframeValue(key: Uint8Array, framed: Uint8Array, seed: number): Buffer | null {
  const bytes = asBuffer(framed);
  if (bytes.length < headerBytes || (bytes[0] !== format && bytes[0] !== formatWithoutSeed)) return null;
  const value = bytes.subarray(headerBytes);
  return bytes.readUInt32BE(1) === checksum(key, value, bytes[0] === format ? seed : 0) ? value : null;
}

function checksum(key: Uint8Array, value: Uint8Array, seed: number): number {
  return continued(value, continued(key, seed));
}

/** zlib's crc32 of no bytes forgets its seed and returns 0 when they lie at no address, which is up to Node's allocator. */
function continued(bytes: Uint8Array, seed: number): number {
  return bytes.length === 0 ? seed : crc32(bytes, seed);
}
