import type { Index } from '@conclave/core';
import type { Level } from '../leveldb/open-level.ts';
import { StorageError } from '../storage-error.ts';
import type { LogMeta } from './meta.ts';
import { cutRecord, type PackedRecord } from './record.ts';
import { recordAtOrBefore, recordsBetween } from './records.ts';

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
export async function truncate(level: Level, meta: LogMeta, from: Index): Promise<Truncation> {
  const remove: Index[] = [];
  for await (const record of recordsBetween(level, from, meta.tail)) remove.push(record.first);
  const last = (from - 1) as Index;
  if (last === meta.base.index) return { remove, rewrite: [], chain: meta.chainAtBase };
  const record = await recordAtOrBefore(level, last);
  const end = record === null ? 0 : record.first + record.entries.length;
  if (record === null || end < from) throw new StorageError('corrupt', `The log is damaged: entry ${last} is missing`);
  if (end === from) return { remove, rewrite: [], chain: record.chain.at(-1)! };
  const { value, chain } = cutRecord(record.value, record, from);
  return { remove, rewrite: [{ first: record.first, value }], chain };
}
