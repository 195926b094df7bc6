// Looks through foreign MessagePack before it is unpacked, because `unpack` trusts what it reads: it recurses as deep as the bytes
// say, turns a few bytes into many objects, and lets the sender define records, for which it compiles code: 39 KB of definitions
// measured 170 ms of event loop, and pointer extensions were exploited (CVE-2023-52079). What passes here is a tree of bounded
// depth and size, made of nil, booleans, safe integers, strings, binaries and arrays. Maps, floats and extensions are not part of
// this protocol. One pass, no recursion, no allocation.

export interface ScanLimits {
  /** Arrays inside arrays. At most `maxScanDepth`. */
  readonly maxDepth: number;
  /** Values of any kind, arrays included. */
  readonly maxItems: number;
}

/** Depth of the scanner's own stack. */
export const maxScanDepth = 16;

/** Why the bytes were refused. `offset`: of the value that is wrong. `limit`: the bound it broke, if it was one. */
export class PreflightError extends Error {
  override readonly name = 'PreflightError';
  readonly offset: number;
  readonly limit: number | null;

  constructor(problem: string, offset: number, limit: number | null = null) {
    super(limit === null ? `${problem} at byte ${offset}` : `${problem} at byte ${offset} (limit ${limit})`);
    this.offset = offset;
    this.limit = limit;
  }
}

// Values still to come in each open array; index 0 is the top. Shared by all scans: they do not nest, nothing in them can throw
// through to a second one, and a fixed array costs no allocation.
const remaining = new Uint32Array(maxScanDepth + 1);

const maxSafeHigh = 0x1f_ffff;

/** Exactly one value, from the first byte to the last. Throws `PreflightError`. */
export function preflight(bytes: Uint8Array, limits: ScanLimits): void {
  const end = scanValue(bytes, limits);
  if (end !== bytes.length) throw new PreflightError(`${bytes.length - end} bytes behind the value`, end);
}

/** One value from the first byte on. Answers the offset behind it. Throws `PreflightError`. */
export function scanValue(bytes: Uint8Array, limits: ScanLimits): number {
  const length = bytes.length;
  const maxDepth = Math.min(limits.maxDepth, maxScanDepth);
  let offset = 0;
  let items = 0;
  let depth = 0;
  remaining[0] = 1;
  for (;;) {
    while (remaining[depth] === 0) {
      if (depth === 0) return offset;
      depth -= 1;
    }
    remaining[depth]! -= 1;
    if (offset >= length) throw new PreflightError('bytes end where a value was expected', offset);
    if (++items > limits.maxItems) throw new PreflightError('too many values', offset, limits.maxItems);
    const start = offset;
    const token = bytes[offset++]!;
    let size = 0;
    let count = -1;
    if (token < 0x80 || token >= 0xe0) continue;
    if (token < 0x90) throw new PreflightError('a map', start);
    if (token < 0xa0) count = token & 0x0f;
    else if (token < 0xc0) size = token & 0x1f;
    else {
      switch (token) {
        case 0xc0: // nil
        case 0xc2: // false
        case 0xc3: // true
          continue;
        case 0xcc: // uint 8
        case 0xd0: // int 8
          size = 1;
          break;
        case 0xcd: // uint 16
        case 0xd1: // int 16
          size = 2;
          break;
        case 0xce: // uint 32
        case 0xd2: // int 32
          size = 4;
          break;
        case 0xcf: // uint 64
        case 0xd3: // int 64: a negative one has its highest bit set and is refused as well; no field takes one so small
          size = 8;
          if (length - offset >= 8 && readUint32(bytes, offset) > maxSafeHigh) {
            throw new PreflightError('an integer beyond the safe ones', start, Number.MAX_SAFE_INTEGER);
          }
          break;
        case 0xc4: // bin 8
        case 0xd9: // str 8
          size = 1 + readLength(bytes, offset, 1);
          break;
        case 0xc5: // bin 16
        case 0xda: // str 16
          size = 2 + readLength(bytes, offset, 2);
          break;
        case 0xc6: // bin 32
        case 0xdb: // str 32
          size = 4 + readLength(bytes, offset, 4);
          break;
        case 0xdc: // array 16
          count = readLength(bytes, offset, 2);
          offset += 2;
          break;
        case 0xdd: // array 32
          count = readLength(bytes, offset, 4);
          offset += 4;
          break;
        case 0xca:
        case 0xcb:
          throw new PreflightError('a floating-point number', start);
        case 0xde:
        case 0xdf:
          throw new PreflightError('a map', start);
        case 0xc1:
          throw new PreflightError('the unused byte 0xc1', start);
        default:
          throw new PreflightError('an extension', start);
      }
    }
    if (count === -1) {
      if (size > length - offset) throw new PreflightError(`${size} bytes announced, ${length - offset} left`, start);
      offset += size;
    } else {
      // Every element takes a byte at least. Checked before anything is allocated for it.
      if (count > length - offset)
        throw new PreflightError(`${count} values announced, ${length - offset} bytes left`, start);
      if (count > limits.maxItems - items) throw new PreflightError('too many values', start, limits.maxItems);
      if (++depth > maxDepth) throw new PreflightError('arrays nested too deep', start, maxDepth);
      remaining[depth] = count;
    }
  }
}

function readLength(bytes: Uint8Array, offset: number, width: 1 | 2 | 4): number {
  if (bytes.length - offset < width) throw new PreflightError('bytes end inside a length', offset - 1);
  if (width === 1) return bytes[offset]!;
  if (width === 2) return (bytes[offset]! << 8) | bytes[offset + 1]!;
  return readUint32(bytes, offset);
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! * 0x100_0000 + ((bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!);
}
