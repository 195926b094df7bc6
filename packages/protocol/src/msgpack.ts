// The one place that knows msgpackr. The entry `msgpackr/pack` is its plain JavaScript: no native string reader (which scans memory
// ahead of the value it is asked for), no streams, the same code in Node and in a browser.
//
// msgpackr compiles code (`new Function`) only for records, and records reach it only through extension 0x72, which the preflight
// scanner refuses; so this package runs under a Content-Security-Policy without `unsafe-eval`. A test runs it with code generation
// switched off.
import { Packr, RESET_BUFFER_MODE } from 'msgpackr/pack';

const packr: Packr = new Packr({
  // Plain arrays: measured 2.7 times faster to decode than maps, and no state shared between messages.
  useRecords: false,
  useToJSON: false,
  structuredClone: false,
  // The preflight has proved that 64-bit integers are safe; without this they would come out as BigInt.
  int64AsType: 'number',
  // Binary fields are views of the frame. Whoever keeps one longer than the frame copies it.
  copyBuffers: false,
});

/**
 * The bytes of `value`, as a view of msgpackr's working buffer that the next `pack` overwrites. For callers that copy them at once.
 * `RESET_BUFFER_MODE` makes it one buffer, as large as the largest message so far: otherwise results would be slices of slabs that
 * never shrink again, and one small result that is kept would hold a whole slab.
 */
export function packView(value: unknown): Uint8Array {
  const packed: Uint8Array = packr.pack(value, RESET_BUFFER_MODE);
  return packed;
}

/** The bytes of `value`, the caller's own. */
export function pack(value: unknown): Uint8Array {
  return new Uint8Array(packView(value));
}

/** Foreign bytes must have passed the preflight scanner. Binary values are views of `bytes`. */
export function unpack(bytes: Uint8Array): unknown {
  const value: unknown = packr.unpack(plain(bytes));
  return value;
}

/** The value that stands from the first byte up to `end`. */
export function unpackPrefix(bytes: Uint8Array, end: number): unknown {
  const value: unknown = packr.unpack(plain(bytes), end);
  return value;
}

/**
 * Views of a Node Buffer would be Buffers, whose `slice` does not copy: who copies a key with it before keeping it would keep the frame's
 * memory. Views of a plain array are plain, on every platform.
 */
function plain(bytes: Uint8Array): Uint8Array {
  if (bytes.constructor === Uint8Array) return bytes;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
