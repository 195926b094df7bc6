// Reading MessagePack: the one place that knows msgpackr. The entry `msgpackr/unpack` is its plain JavaScript: no native string reader
// (which scans memory ahead of the value it is asked for), no streams, the same code in Node and in a browser.
//
// msgpackr compiles code (`new Function`) only for records, and records reach it only through extension 0x72, which the preflight
// scanner refuses; so this package runs under a Content-Security-Policy without `unsafe-eval`. A test runs it with code generation
// switched off.
import { Unpackr } from 'msgpackr/unpack';
import { plain } from './plain.ts';

const unpackr: Unpackr = new Unpackr({
  // Plain arrays: measured 2.7 times faster to decode than maps, and no state shared between messages.
  useRecords: false,
  structuredClone: false,
  // The preflight has proved that 64-bit integers are safe; without this they would come out as BigInt.
  int64AsType: 'number',
  // Binary fields are views of the frame. Whoever keeps one longer than the frame copies it.
  copyBuffers: false,
});

/** Foreign bytes must have passed the preflight scanner. Binary values are views of `bytes`. */
export function unpack(bytes: Uint8Array): unknown {
  const value: unknown = unpackr.unpack(plain(bytes));
  return value;
}

/** The value that stands from the first byte up to `end`. */
export function unpackPrefix(bytes: Uint8Array, end: number): unknown {
  const value: unknown = unpackr.unpack(plain(bytes), end);
  return value;
}
