// CRC-32C (Castagnoli), with which LevelDB protects its own files, and the mask it stores it under (util/crc32c.h). zlib has only
// the other polynomial. Eight bytes a step ("slicing by eight", Kounavis and Berry 2005), because every table is read at start.

const polynomial = 0x82f63b78;
const maskDelta = 0xa282ead8;
const slices = 8;

const tables: readonly Uint32Array[] = makeTables();

export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let crc = -1;
  let at = 0;
  for (const end = bytes.length - (slices - 1); at < end; at += slices) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

/** A checksum of data that contains checksums is weak; so LevelDB rotates it and adds a constant. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + maskDelta) >>> 0;
}

function makeTables(): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    return crc;
  });
  const made = [first];
  for (let slice = 1; slice < slices; slice++) {
    made.push(made[slice - 1]!.map((crc) => (crc >>> 8) ^ first[crc & 0xff]!));
  }
  return made;
}
