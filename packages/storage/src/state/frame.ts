// A stored value: format u8 | crc u32 | bytes. The crc is the CRC-32 of the key and then the bytes, so a value under another key is
// as wrong as a flipped bit. LevelDB itself returns damaged values as good ones (study/reliability.md §0, 8).
import { crc32 } from 'node:zlib';
import { asBuffer, FieldWriter } from '../bytes.ts';

const format = 1;
const headerBytes = 5;

export function frameValue(key: Uint8Array, value: Uint8Array): Buffer {
  return new FieldWriter(headerBytes + value.length).u8(format).u32(checksum(key, value)).bytes(value).buffer;
}

/** A view of the value; null when it is damaged. */
export function unframeValue(key: Uint8Array, framed: Uint8Array): Buffer | null {
  const bytes = asBuffer(framed);
  if (bytes.length < headerBytes || bytes[0] !== format) return null;
  const value = bytes.subarray(headerBytes);
  return bytes.readUInt32BE(1) === checksum(key, value) ? value : null;
}

function checksum(key: Uint8Array, value: Uint8Array): number {
  const seed = crc32(key);
  // zlib's crc32 of no bytes forgets its seed and returns 0 when they lie at no address, which is up to Node's allocator.
  return value.length === 0 ? seed : crc32(value, seed);
}
