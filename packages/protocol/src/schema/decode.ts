import { Reader } from '../reader.ts';
import type { Type } from './type.ts';

/** Decoding never waits and never nests, so one is enough. */
const reader: Reader = new Reader();

/** The one value that `bytes` are, from the first to the last. Its binary fields are views of them. Throws `SchemaViolation`. */
export function decodedWhole<T>(type: Type<T>, bytes: Uint8Array): T {
  const from = reader.begin(bytes);
  const value = type.read(from);
  from.finish();
  return value;
}

/** The value that `bytes` begin with, in at most `maxBytes` of them, and the offset behind it. Throws `SchemaViolation`. */
export function decodedPrefix<T>(
  type: Pick<Type<T>, 'read'>,
  bytes: Uint8Array,
  maxBytes: number,
): { readonly value: T; readonly end: number } {
  const from = reader.begin(bytes, maxBytes);
  const value = type.read(from);
  return { value, end: from.offset };
}
