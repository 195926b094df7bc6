import type { Entry, Index } from '@conclave/core';
import type { Level } from '../leveldb/open-level.ts';
import { StorageError } from '../storage-error.ts';
import { recordAtOrBefore, recordsBetween, type StoredRecord } from './records.ts';

/** Entries `from` to `to` as far as `maxBytes` of data reach, at least one. Reads one snapshot, so a truncation beside it shows whole. */
export async function readEntries(level: Level, from: Index, to: Index, maxBytes: number): Promise<readonly Entry[]> {
  const snapshot = level.snapshot();
  try {
    const first = await recordAtOrBefore(level, from, snapshot);
    if (first === null || first.first + first.entries.length <= from) throw missing(from);
    const range = new Range(from, to, maxBytes);
    let previous: StoredRecord = first;
    let more = range.take(first);
    if (!more) return range.entries;
    for await (const record of recordsBetween(level, (first.first + 1) as Index, to, snapshot)) {
      const due = (previous.first + previous.entries.length) as Index;
      if (record.first !== due) throw missing(due);
      const continues =
        record.chainBefore === previous.chain.at(-1) && record.entries[0]!.term >= previous.entries.at(-1)!.term;
      if (!continues)
        throw new StorageError('corrupt', `The log is damaged: entry ${due} does not continue the one before it`);
      more = range.take(record);
      if (!more) return range.entries;
      previous = record;
    }
    throw missing((previous.first + previous.entries.length) as Index);
  } finally {
    await snapshot.close();
  }
}

/** Collects what was asked for. */
class Range {
  readonly entries: Entry[] = [];
  readonly #from: Index;
  readonly #to: Index;
  #bytesLeft: number;

  constructor(from: Index, to: Index, maxBytes: number) {
    this.#from = from;
    this.#to = to;
    this.#bytesLeft = maxBytes;
  }

  /** False when the range is complete or full. */
  take(record: StoredRecord): boolean {
    for (const entry of record.entries.slice(Math.max(0, this.#from - record.first))) {
      this.#bytesLeft -= entry.data.length;
      if (this.#bytesLeft < 0 && this.entries.length > 0) return false;
      this.entries.push(entry);
      if (entry.index === this.#to) return false;
    }
    return true;
  }
}

function missing(index: Index): StorageError {
  return new StorageError('corrupt', `The log is damaged: entry ${index} is missing`);
}
