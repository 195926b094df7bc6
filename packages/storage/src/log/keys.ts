import type { Index } from '@conclave/core';
import { FieldReader, FieldWriter } from '../bytes.ts';

// The log's LevelDB has two kinds of keys: `m`, the meta record, and `e` with the index of a record's first entry as u64.

const entryPrefix = 'e'.charCodeAt(0);

export const metaKey: Buffer = Buffer.from('m', 'latin1');
export const recordKeyBytes = 9;

export function recordKey(first: Index): Buffer {
  return new FieldWriter(recordKeyBytes).u8(entryPrefix).u64(first).buffer;
}

/** Null for a key of another kind. */
export function firstOfKey(key: Uint8Array): Index | null {
  if (key.length !== recordKeyBytes || key[0] !== entryPrefix) return null;
  return new FieldReader(key, 1).u64() as Index;
}
