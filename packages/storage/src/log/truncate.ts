import type { Index, LogPosition } from '@conclave/core';
import type { Level } from '../leveldb/open-level.ts';
import { StorageError } from '../storage-error.ts';
import type { LogMeta } from './meta.ts';
import { cutRecord, type PackedRecord } from './record.ts';
import type { RecordIndex } from './record-index.ts';
import { recordAtOrBefore } from './records.ts';

export interface Truncation {
  /** Records to delete, by their first entry. */
  readonly remove: readonly Index[];
  /** The record that contained the first entry to go, without it. */
  readonly rewrite: readonly PackedRecord[];
  /** The crc of the last entry that stays. */
  readonly chain: number;
}

/**
 * What a batch must do so that the log ends in front of `from`: no record may ever reach beyond the tail, or an entry that was
 * replaced could come back under a longer tail (study/raft.md §5, 17).
 */
export async function truncate(level: Level, records: RecordIndex, meta: LogMeta, from: Index): Promise<Truncation> {
  const last = (from - 1) as Index;
  if (last === meta.base.index) return { remove: takeReaching(records, last), rewrite: [], chain: meta.chainAtBase };
  const remove = records.takeFrom(from);
  const record = await recordAtOrBefore(level, last);
  const end = record === null ? 0 : record.first + record.entries.length;
  if (record === null || end < from) throw missing(last);
  if (end === from) return { remove, rewrite: [], chain: record.chain.at(-1)! };
  const { value, chain } = cutRecord(record.value, record, from);
  return { remove, rewrite: [{ first: record.first, value }], chain };
}

/** Every record that reaches or may reach beyond `base`, also the one that begins before it: none of its entries is needed. */
export function takeReaching(records: RecordIndex, base: Index): Index[] {
  return records.takeFrom(records.atOrBefore(base) ?? ((base + 1) as Index));
}

/** The crc of the entry at which the log is about to begin, which is still there, and is of the term that everybody believes. */
export async function chainAt(level: Level, base: LogPosition): Promise<number> {
  const record = await recordAtOrBefore(level, base.index);
  const at = record === null ? -1 : base.index - record.first;
  const entry = record?.entries[at];
  if (record === null || entry === undefined) throw missing(base.index);
  if (entry.term !== base.term) {
    throw new StorageError(
      'corrupt',
      `The log is damaged: entry ${base.index} is of term ${entry.term}, and was of term ${base.term}`,
    );
  }
  return record.chain[at]!;
}

function missing(index: Index): StorageError {
  return new StorageError('corrupt', `The log is damaged: entry ${index} is missing`);
}
