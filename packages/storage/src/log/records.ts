// Reading log records out of LevelDB, each one verified.
import type { Index } from '@conclave/core';
import type { ClassicLevel } from 'classic-level';
import { scanBatchBytes } from '../bounds.ts';
import { asBuffer } from '../bytes.ts';
import type { Level } from '../leveldb/open-level.ts';
import { StorageError } from '../storage-error.ts';
import { firstOfKey, recordKey } from './keys.ts';
import { type UnpackedRecord, unpackRecord } from './record.ts';

type Snapshot = ReturnType<ClassicLevel['snapshot']>;

export interface StoredRecord extends UnpackedRecord {
  readonly first: Index;
  readonly value: Buffer;
}

/** How many records an iterator fetches at a time; bounded in bytes as well. */
const recordsAtOnce = 64;

/** The records that begin from `from` to `to`, both included, in order. */
export async function* recordsBetween(
  level: Level,
  from: Index,
  to: Index,
  snapshot?: Snapshot,
): AsyncGenerator<StoredRecord, void, void> {
  const range = { gte: recordKey(from), lte: recordKey(to), highWaterMarkBytes: scanBatchBytes };
  const iterator = level.iterator(snapshot === undefined ? range : { ...range, snapshot });
  try {
    for (;;) {
      const batch = await iterator.nextv(recordsAtOnce);
      if (batch.length === 0) return;
      for (const [key, value] of batch) yield stored(key, value);
    }
  } finally {
    await iterator.close();
  }
}

/** The last record that begins at or before `index`; null when there is none. */
export async function recordAtOrBefore(level: Level, index: Index, snapshot?: Snapshot): Promise<StoredRecord | null> {
  const range = { gte: recordKey(0 as Index), lte: recordKey(index), reverse: true, limit: 1 };
  const iterator = level.iterator(snapshot === undefined ? range : { ...range, snapshot });
  try {
    const found = await iterator.next();
    return found === undefined ? null : stored(...found);
  } finally {
    await iterator.close();
  }
}

function stored(key: Uint8Array, bytes: Uint8Array): StoredRecord {
  const first = firstOfKey(key);
  if (first === null)
    throw new StorageError('corrupt', `The log holds the foreign key ${asBuffer(key).toString('hex')}`);
  const value = asBuffer(bytes);
  try {
    return { ...unpackRecord(first, value), first, value };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new StorageError('corrupt', `The log record that begins with entry ${first} is damaged: ${error.message}`, {
      cause: error,
    });
  }
}
