import type { KeyValue, Revision } from '@conclave/protocol';
import { DamagedStateError } from '../damage.ts';
import { type HistoryRecord, readHistory } from '../records/history-record.ts';
import { historyKey } from '../records/tables.ts';
import { bytesOf } from './key-bytes.ts';
import type { KeyNode, KeyVersion } from './key-version.ts';

/** Where checkpointed history records are read from, synchronously: the member's cache in front of its state store. */
export interface ValueSource {
  /** The value of one record, by its key. Undefined: there is none, which counts as damage. May throw: the member stops. */
  read(recordKey: Uint8Array): Uint8Array | undefined;
}

/** The stored record of `version`, verified against the seal that the index knows. */
export function readRecord(values: ValueSource, node: KeyNode, version: KeyVersion): HistoryRecord {
  const record = readStored(values, version.revision, version.sub);
  if (record.version.high !== version.high || record.version.low !== version.low || record.key !== node.key) {
    throw new DamagedStateError(`history ${version.revision}.${version.sub} is not the record that was written`);
  }
  return record;
}

/** The stored record at a position, its own seal verified. */
export function readStored(values: ValueSource, revision: Revision, sub: number): HistoryRecord {
  const recordKey = historyKey(revision, sub);
  const bytes = values.read(recordKey);
  if (bytes === undefined) throw new DamagedStateError(`history ${revision}.${sub} is missing`);
  return readHistory(recordKey, bytes);
}

export function valueOf(values: ValueSource, node: KeyNode, version: KeyVersion): Uint8Array {
  return version.value ?? readRecord(values, node, version).value;
}

/** The entry as clients see it. */
export function entryOf(node: KeyNode, version: KeyVersion, value: Uint8Array | null): KeyValue {
  return keyValue(bytesOf(node.key), version, value);
}

export function keyValue(key: Uint8Array, version: KeyVersion, value: Uint8Array | null): KeyValue {
  return {
    key,
    value,
    createRevision: version.create,
    modRevision: version.revision,
    version: version.version,
    lease: version.lease === 0 ? null : version.lease,
  };
}
