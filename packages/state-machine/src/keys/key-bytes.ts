// Keys are bytes outside and strings of one character a byte inside: such strings compare as their bytes do (code units below 256),
// five times as fast as byte arrays (measured: 25 ns against 121 ns for `Buffer.compare`).
import type { KeyRange } from '@conclave/protocol';

/** Above every key. */
export const behindLastKey = '\u0100';

/** The first key that is not reserved. */
const behindReserved = '\u0001';

export function latin1Of(bytes: Uint8Array): string {
  // Not `fromCharCode(...bytes)`, which walks an iterator: 441 ns against 131 for 20 bytes. No key comes near the limit of arguments.
  return bytes.length <= maxArguments ? (Reflect.apply(String.fromCharCode, null, bytes) as string) : inParts(bytes);
}

const maxArguments = 8_192;

function inParts(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += maxArguments) text += latin1Of(bytes.subarray(at, at + maxArguments));
  return text;
}

export function bytesOf(latin1: string): Uint8Array {
  const bytes = new Uint8Array(latin1.length);
  for (let i = 0; i < latin1.length; i++) bytes[i] = latin1.charCodeAt(i);
  return bytes;
}

export function isReserved(key: string): boolean {
  return key.length > 0 && key.charCodeAt(0) === 0;
}

/** `low` <= k < `high`. */
export interface Span {
  readonly low: string;
  readonly high: string;
}

/** All that are not reserved. */
export const everyKey: Span = { low: behindReserved, high: behindLastKey };

/** A range that begins at the empty key begins behind the reserved ones: those are reached only by naming them. */
export function spanOf(range: KeyRange): Span {
  const key = latin1Of(range.key);
  if (range.end === null) return { low: key, high: `${key}\u0000` };
  return { low: key === '' ? behindReserved : key, high: range.end.length === 0 ? behindLastKey : latin1Of(range.end) };
}
