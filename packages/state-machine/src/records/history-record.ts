import type { Revision } from '@conclave/protocol';
import { KeyVersion, VersionKind } from '../keys/key-version.ts';
import { RecordReader } from './record-reader.ts';
import type { RecordWriter } from './record-writer.ts';
import { read32, read64, recordFormat } from './tables.ts';

/** Who made a revision and why; stands in its first record, with what lets a reader see that no revision and no record is missing. */
export interface RevisionOrigin {
  /** The revision before it that changed a key; 0 for the first. */
  readonly previousRevision: Revision;
  /** Number of records of this revision. */
  readonly changes: number;
  readonly wallTimeMs: number;
  readonly author: string | null;
  readonly reason: string | null;
}

export interface HistoryRecord {
  readonly version: KeyVersion;
  readonly key: string;
  /** The revision of the put that this record replaces or deletes; 0: the key did not exist. */
  readonly replaces: Revision;
  /** Null but for the first record of a revision. */
  readonly origin: RevisionOrigin | null;
  /** Empty for a deletion. A view of the record. */
  readonly value: Uint8Array;
}

const originFlag = 0x80;

/** Seals the record and leaves the seal in `version`. */
export function writeHistory(
  writer: RecordWriter,
  recordKey: Uint8Array,
  key: string,
  version: KeyVersion,
  value: Uint8Array,
  replaces: Revision,
  origin: RevisionOrigin | null,
): Uint8Array {
  writer.begin().u8(recordFormat);
  if (origin === null) {
    writer.u8(version.kind);
  } else {
    writer
      .u8(version.kind | originFlag)
      .u64(origin.previousRevision)
      .u32(origin.changes)
      .u64(origin.wallTimeMs);
    writer.nullableText(origin.author).nullableText(origin.reason);
  }
  writer.u64(replaces).latin1(key);
  if (version.kind === VersionKind.Put) {
    writer.u64(version.create).u64(version.version).u64(version.lease).blob(value);
  }
  return writer.seal(recordKey, version).take();
}

const nothing = new Uint8Array(0);

export function readHistory(recordKey: Uint8Array, bytes: Uint8Array): HistoryRecord {
  const reader: RecordReader = new RecordReader(recordKey, bytes);
  reader.expect(reader.u8() === recordFormat, 'unknown format');
  const flags = reader.u8();
  const kind = (flags & ~originFlag) as VersionKind;
  reader.expect(kind <= VersionKind.Release, 'unknown kind of change');
  const origin = (flags & originFlag) === 0 ? null : readOrigin(reader);
  const replaces = reader.u64();
  const key = reader.latin1();
  const isPut = kind === VersionKind.Put;
  const create = isPut ? reader.u64() : 0;
  const count = isPut ? reader.u64() : 0;
  const lease = isPut ? reader.u64() : 0;
  const value = isPut ? reader.blob() : nothing;
  reader.end();
  const sub = read32(recordKey, 9);
  reader.expect((sub === 0) === (origin !== null), 'the origin belongs to the first record of a revision');
  const version = new KeyVersion(read64(recordKey, 1), sub, kind, create, count, lease, value.length, null);
  version.high = reader.lanes.high;
  version.low = reader.lanes.low;
  return { version, key, replaces, origin, value };
}

function readOrigin(reader: RecordReader): RevisionOrigin {
  return {
    previousRevision: reader.u64(),
    changes: reader.u32(),
    wallTimeMs: reader.u64(),
    author: reader.nullableText(),
    reason: reader.nullableText(),
  };
}
