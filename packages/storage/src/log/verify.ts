// Once LevelDB has opened the log: does it still hold every entry, in order, as it was written?
import type { Index, TermRun } from '@conclave/core';
import type { Level } from '../leveldb/open-level.ts';
import { StorageError } from '../storage-error.ts';
import { metaKey, recordKey } from './keys.ts';
import { decodeMeta, type LogMeta } from './meta.ts';
import { recordsBetween } from './records.ts';
import { runsWith } from './term-runs.ts';

export async function readMeta(level: Level): Promise<LogMeta> {
  const value = await level.get(metaKey);
  if (value === undefined) throw corrupt('it has no meta record');
  return decodeMeta(value);
}

/** Walks from base to tail and beyond; returns the runs of terms. Costs one pass over the log. */
export async function verifyLog(level: Level, meta: LogMeta): Promise<readonly TermRun[]> {
  let next: number = meta.base.index + 1;
  let chain = meta.chainAtBase;
  let terms: readonly TermRun[] = [];
  for await (const record of recordsBetween(level, 0 as Index, Number.MAX_SAFE_INTEGER as Index)) {
    if (record.first !== next) throw corrupt(`entry ${next} is missing, and ${record.first} follows`);
    if (record.chainBefore !== chain) throw corrupt(`entry ${record.first} does not continue the one before it`);
    const before = terms.at(-1)?.term ?? meta.base.term;
    const { term } = record.entries[0]!;
    if (term < before) throw corrupt(`entry ${record.first} of term ${term} follows one of term ${before}`);
    terms = runsWith(terms, record.entries);
    chain = record.chain.at(-1)!;
    next = record.first + record.entries.length;
  }
  if (next - 1 !== meta.tail) throw corrupt(`it ends with entry ${next - 1}, and its meta record says ${meta.tail}`);
  if (chain !== meta.chainAtTail) throw corrupt('its last entry is not the one that its meta record names');
  const last = terms.at(-1)?.term ?? meta.base.term;
  if (last > meta.hardState.term) throw corrupt(`it holds an entry of term ${last} in term ${meta.hardState.term}`);
  await refuseForeignKeys(level);
  return terms;
}

/** Nothing but the meta record lies outside the range of entries. */
async function refuseForeignKeys(level: Level): Promise<void> {
  const before = await level.keys({ lt: recordKey(0 as Index), limit: 1 }).all();
  const behind = await level.keys({ gt: recordKey(Number.MAX_SAFE_INTEGER as Index), limit: 2 }).all();
  if (before.length > 0 || behind.length > 1) throw corrupt('it holds keys that are none of its own');
}

function corrupt(what: string): StorageError {
  return new StorageError('corrupt', `The log is damaged: ${what}`);
}
