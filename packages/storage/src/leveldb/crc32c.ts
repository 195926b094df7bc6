// CRC-32C (Castagnoli), with which LevelDB protects its own files, and the mask it stores it under (util/crc32c.h). zlib has only
// the other polynomial. A table is fast enough for what is read once at start: 64 MiB take a fifth of a second.

const polynomial = 0x82f63b78;
const maskDelta = 0xa282ead8;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
  return crc;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) {
    crc = (crc >>> 8) ^ table[(crc ^ bytes[at]!) & 0xff]!;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** A checksum of data that contains checksums is weak; so LevelDB rotates it and adds a constant. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0;
}
