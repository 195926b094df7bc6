// The operations that come by the thousand, read straight from their bytes; null: anything else, or anything unusual about them.
import { limits } from '../limits.ts';
import type { Operation, Put, Range } from '../operation.ts';
import { isReservedKey } from '../reserved-key.ts';
import { type Cursor, cursor } from './cursor.ts';

const putTag = 1;
const rangeTag = 32;

/** As `operation` of operation-schema.ts reads it. */
export function readOperation(bytes: Uint8Array): Operation | null {
  if (bytes[1] === putTag) return readPut(cursor.begin(bytes, bytes.length));
  return bytes[1] === rangeTag ? readRange(cursor.begin(bytes, bytes.length)) : null;
}

function readPut(from: Cursor): Put | null {
  from.array(5);
  from.integer(putTag, putTag);
  const operation: Put = {
    type: 'put',
    key: from.bytes(1, limits.maxKeyBytes),
    value: from.bytes(0, limits.maxValueBytes),
    lease: from.nullableInteger(1),
    returnPrevious: from.boolean(),
  };
  return from.isComplete && !isReservedKey(operation.key) ? operation : null;
}

function readRange(from: Cursor): Range | null {
  from.array(8);
  from.integer(rangeTag, rangeTag);
  from.array(2);
  const operation: Range = {
    type: 'range',
    range: { key: from.bytes(0, limits.maxKeyBytes + 1), end: from.nullableBytes(0, limits.maxKeyBytes + 1) },
    revision: from.nullableInteger(0),
    limit: from.integer(0, limits.maxRangeEntries),
    order: from.integer(0, 1) === 0 ? 'ascending' : 'descending',
    keysOnly: from.boolean(),
    countOnly: from.boolean(),
    modifiedSince: from.nullableInteger(0),
  };
  const { end, key } = operation.range;
  const isRange = end !== null || (key.length >= 1 && key.length <= limits.maxKeyBytes);
  return from.isComplete && isRange ? operation : null;
}
