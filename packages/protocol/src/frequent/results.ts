// The answers to frequent operations, read straight from their bytes; null: anything else, or anything unusual about them.
import { limits } from '../limits.ts';
import type { KeyValue, PutResult, RangeResult, Result } from '../result.ts';
import { type Cursor, cursor } from './cursor.ts';

const putTag = 1;
const rangeTag = 32;

/** As `result` of result-schema.ts reads it. */
export function readResult(bytes: Uint8Array): Result | null {
  if (bytes[1] === putTag) return readPut(cursor.begin(bytes, bytes.length));
  return bytes[1] === rangeTag ? readRange(cursor.begin(bytes, bytes.length)) : null;
}

function readPut(from: Cursor): PutResult | null {
  from.array(3);
  from.integer(putTag, putTag);
  const revision = from.integer(0);
  // With a previous entry it is rare.
  from.nil();
  return from.isComplete ? { type: 'put', revision, previous: null } : null;
}

function readRange(from: Cursor): RangeResult | null {
  from.array(5);
  from.integer(rangeTag, rangeTag);
  const result: RangeResult = {
    type: 'range',
    revision: from.integer(0),
    entries: readEntries(from),
    more: from.boolean(),
    count: from.integer(0),
  };
  return from.isComplete ? result : null;
}

function readEntries(from: Cursor): KeyValue[] {
  const entries: KeyValue[] = [];
  for (let left = from.list(limits.maxRangeEntries); left > 0 && !from.failed; left--) {
    from.array(6);
    entries.push({
      key: from.bytes(1, limits.maxKeyBytes),
      value: from.nullableBytes(0, limits.maxValueBytes),
      createRevision: from.integer(0),
      modRevision: from.integer(0),
      version: from.integer(1),
      lease: from.nullableInteger(1),
    });
  }
  return entries;
}
