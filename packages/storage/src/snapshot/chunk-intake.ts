import { maxKeyBytes, maxValueBytes } from '../bounds.ts';
import type { StateRecord } from '../storage.ts';
import { badChunk, ChunkKind, type Crc32, readChunk, viewOf } from './chunk.ts';
import { decodeHead, decodeTrailer, type ExpectedSnapshot, type SnapshotHead, type SnapshotTrailer } from './head.ts';

/** A value of which chunks brought a part. */
interface Partial {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly filled: number;
}

interface Progress {
  readonly records: number;
  readonly bytes: number;
  readonly lastKey: Uint8Array | null;
  readonly partial: Partial | null;
}

const recordHeaderBytes = 8;

/** Records out of chunks: the other side of `ChunkedExport`. A chunk that is refused leaves it as it was. */
export class ChunkIntake {
  readonly #expected: ExpectedSnapshot | null;
  readonly #crc32: Crc32;
  #next = 0;
  #crc = 0;
  #head: SnapshotHead | null = null;
  #progress: Progress = { records: 0, bytes: 0, lastKey: null, partial: null };
  #complete = false;

  /** Null: a snapshot of whatever cluster. */
  constructor(expected: ExpectedSnapshot | null, crc32: Crc32) {
    this.#expected = expected;
    this.#crc32 = crc32;
  }

  get next(): number {
    return this.#next;
  }

  /** Of chunk 0, once it is there. */
  get head(): SnapshotHead | null {
    return this.#head;
  }

  /** Throws `bad-chunk` unless the trailer came, and everything that it counts. */
  get complete(): SnapshotHead {
    if (!this.#complete || this.#head === null) throw badChunk(this.#next, 'it has not come, and it is not the end');
    return this.#head;
  }

  get isComplete(): boolean {
    return this.#complete;
  }

  /** What came so far. */
  get counts(): SnapshotTrailer {
    const { records, bytes } = this.#progress;
    return { records, bytes };
  }

  /** The records that are whole with this chunk; views into it where a value was not cut. Throws `bad-chunk`. */
  take(frame: Uint8Array): readonly StateRecord[] {
    if (this.#complete) throw badChunk(this.#next, 'the snapshot is complete');
    const { kind, payload, crc } = readChunk(frame, this.#next, this.#crc, this.#crc32);
    if ((kind === ChunkKind.Head) !== (this.#next === 0)) throw badChunk(this.#next, `it is of kind ${kind}`);
    const records: StateRecord[] = [];
    switch (kind) {
      case ChunkKind.Head:
        this.#head = decodeHead(payload, this.#expected);
        break;
      case ChunkKind.Records:
        this.#progress = takeRecords(payload, this.#progress, records, this.#next);
        break;
      case ChunkKind.Trailer:
        this.#end(payload);
        break;
      default:
        throw badChunk(this.#next, `kind ${String(kind)}`);
    }
    this.#crc = crc;
    this.#next++;
    return records;
  }

  #end(payload: Uint8Array): void {
    const counted = decodeTrailer(payload, this.#next);
    const { records, bytes, partial } = this.#progress;
    if (partial !== null || counted.records !== records || counted.bytes !== bytes) {
      throw badChunk(
        this.#next,
        `it ends ${counted.records} records of ${counted.bytes} bytes, and ${records} of ${bytes} came`,
      );
    }
    this.#complete = true;
  }
}

function takeRecords(payload: Uint8Array, before: Progress, whole: StateRecord[], number: number): Progress {
  const view = viewOf(payload);
  let { records, bytes, lastKey } = before;
  if (payload.length < 4) throw badChunk(number, 'it is too short');
  const rest = view.getUint32(0);
  let at = 4 + rest;
  if (at > payload.length) throw badChunk(number, 'it ends inside a value');
  const partial = continued(before.partial, payload.subarray(4, at), at === payload.length, number);
  if (partial !== null && partial.filled < partial.value.length) return { ...before, partial };
  if (partial !== null) whole.push({ key: partial.key, value: partial.value });
  while (at < payload.length) {
    if (payload.length - at < recordHeaderBytes) throw badChunk(number, 'it ends inside a record');
    const keyBytes = view.getUint32(at);
    const valueBytes = view.getUint32(at + 4);
    at += recordHeaderBytes;
    if (keyBytes > maxKeyBytes || valueBytes > maxValueBytes || keyBytes > payload.length - at) {
      throw badChunk(number, `a key of ${keyBytes} and a value of ${valueBytes} bytes`);
    }
    const key = payload.subarray(at, at + keyBytes);
    at += keyBytes;
    if (lastKey !== null && compareBytes(key, lastKey) <= 0) throw badChunk(number, 'its keys are not in order');
    lastKey = key;
    records++;
    bytes += keyBytes + valueBytes;
    const part = payload.subarray(at, at + valueBytes);
    at += part.length;
    if (part.length === valueBytes) {
      whole.push({ key, value: part });
      continue;
    }
    const value = new Uint8Array(valueBytes);
    value.set(part);
    return { records, bytes, lastKey: key.slice(), partial: { key: key.slice(), value, filled: part.length } };
  }
  return { records, bytes, lastKey: lastKey?.slice() ?? null, partial: null };
}

/** The value that the chunk before left open, as far as it is there now. */
function continued(partial: Partial | null, part: Uint8Array, isAll: boolean, number: number): Partial | null {
  if (partial === null) {
    if (part.length > 0) throw badChunk(number, 'it continues a value that nobody began');
    return null;
  }
  const { value, filled } = partial;
  const end = filled + part.length;
  if (end > value.length || (end < value.length && !isAll) || part.length === 0) {
    throw badChunk(number, `it brings ${part.length} bytes of a value that lacks ${value.length - filled}`);
  }
  // Nobody sees the value before it is whole, so a chunk that is refused behind this line has changed nothing.
  value.set(part, filled);
  return { ...partial, filled: end };
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    if (a[at] !== b[at]) return a[at]! - b[at]!;
  }
  return a.length - b.length;
}
