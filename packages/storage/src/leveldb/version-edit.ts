// The records of a MANIFEST (db/version_edit.cc): which table files make up the database, and which write-ahead log is the oldest
// one that is still needed.
import { VarintCursor } from './varint.ts';

const Tag = {
  Comparator: 1,
  LogNumber: 2,
  NextFileNumber: 3,
  LastSequence: 4,
  CompactPointer: 5,
  DeletedFile: 6,
  NewFile: 7,
  PrevLogNumber: 9,
} as const;

export interface Version {
  /** Size in bytes of each live table, by file number. */
  readonly tables: ReadonlyMap<number, number>;
  /** Every write-ahead log from this number on is needed, and this one exists. 0 before the first. */
  readonly logNumber: number;
  /** Of operations. The logs continue it without a gap: they begin at or before the next number. */
  readonly lastSequence: number;
}

/** Applies the edits in order. Throws a RangeError for bytes that are no edit. */
export function replayVersionEdits(records: readonly Buffer[]): Version {
  const tables = new Map<number, number>();
  let logNumber = 0;
  let lastSequence = 0;
  for (const record of records) {
    // A file may be deleted and added in one edit (a trivial move to the next level), and deletions come first in LevelDB.
    const added: [number, number][] = [];
    const cursor = new VarintCursor(record);
    while (!cursor.atEnd) {
      const tag = cursor.varint();
      switch (tag) {
        case Tag.Comparator:
          cursor.skipPrefixed();
          break;
        case Tag.LogNumber:
          logNumber = cursor.varint();
          break;
        case Tag.LastSequence:
          lastSequence = cursor.varint();
          break;
        case Tag.NextFileNumber:
        case Tag.PrevLogNumber:
          cursor.varint();
          break;
        case Tag.CompactPointer:
          cursor.varint();
          cursor.skipPrefixed();
          break;
        case Tag.DeletedFile:
          cursor.varint();
          tables.delete(cursor.varint());
          break;
        case Tag.NewFile: {
          cursor.varint();
          const number = cursor.varint();
          added.push([number, cursor.varint()]);
          cursor.skipPrefixed();
          cursor.skipPrefixed();
          break;
        }
        default:
          throw new RangeError(`a version edit with the unknown tag ${tag}`);
      }
    }
    for (const [number, bytes] of added) tables.set(number, bytes);
  }
  return { tables, logNumber, lastSequence };
}
