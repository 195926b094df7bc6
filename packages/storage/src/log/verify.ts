// Once LevelDB has opened the log: does it still hold every entry, in order, as it was written?
import type { Index, TermRun } from '@conclave/core';
import { asBuffer } from '../bytes.ts';
import type { Level } from '../leveldb/open-level.ts';
import { StorageError } from '../storage-error.ts';
import { firstOfKey, metaKey, recordKey } from './keys.ts';
import { decodeMeta, type LogMeta } from './meta.ts';
import { recordsBetween } from './records.ts';
import { runsWith } from './term-runs.ts';

export async function readMeta(level: Level): Promise<LogMeta> {
  const value = await level.get(metaKey);
  if (value === undefined) throw corrupt('it has no meta record');
  return decodeMeta(value);
}

export interface VerifiedLog {
  readonly terms: readonly TermRun[];
  /** Where each record begins, also of those in front of the base that a truncation has not deleted yet. */
  readonly firsts: readonly Index[];
}

/** Walks from base to tail and beyond. Costs one pass over the log. */
export async function verifyLog(level: Level, meta: LogMeta): Promise<VerifiedLog> {
  const { base } = meta;
  const begin = await firstNeeded(level, base.index);
  // In front of it nothing is read any more, so nothing is verified.
  const firsts = await firstsBefore(level, begin);
  let next: number = base.index + 1;
  let chain = meta.chainAtBase;
  let terms: readonly TermRun[] = [];
  for await (const record of recordsBetween(level, begin, Number.MAX_SAFE_INTEGER as Index)) {
    firsts.push(record.first);
    const end = record.first + record.entries.length;
    if (end <= base.index + 1) continue;
    if (record.first > next || (record.first < next && next > base.index + 1)) {
      throw corrupt(`entry ${next} is due, and ${record.first} follows`);
    }
    // The first record may hold the base, and entries in front of it.
    const skipped = next - record.first;
    const chainBefore = skipped === 0 ? record.chainBefore : record.chain[skipped - 1]!;
    if (chainBefore !== chain) throw corrupt(`entry ${next} does not continue the one before it`);
    const kept = record.entries.slice(skipped);
    const before = terms.at(-1)?.term ?? base.term;
    const { term } = kept[0]!;
    if (term < before) throw corrupt(`entry ${next} of term ${term} follows one of term ${before}`);
    terms = runsWith(terms, kept);
    chain = record.chain.at(-1)!;
    next = end;
  }
  if (next - 1 !== meta.tail) throw corrupt(`it ends with entry ${next - 1}, and its meta record says ${meta.tail}`);
  if (chain !== meta.chainAtTail) throw corrupt('its last entry is not the one that its meta record names');
  const last = terms.at(-1)?.term ?? base.term;
  if (last > meta.hardState.term) throw corrupt(`it holds an entry of term ${last} in term ${meta.hardState.term}`);
  await refuseForeignKeys(level);
  return { terms, firsts };
}

/** Where the record begins that holds the first entry behind the base; or where it would, if there is none. */
async function firstNeeded(level: Level, base: Index): Promise<Index> {
  const range = { gte: recordKey(0 as Index), lte: recordKey((base + 1) as Index), reverse: true, limit: 1 };
  const [key] = await level.keys(range).all();
  return (key === undefined ? null : firstOfKey(key)) ?? (0 as Index);
}

async function firstsBefore(level: Level, begin: Index): Promise<Index[]> {
  const firsts: Index[] = [];
  for await (const key of level.keys({ gte: recordKey(0 as Index), lt: recordKey(begin) })) {
    const first = firstOfKey(key);
    if (first === null) throw corrupt(`it holds the foreign key ${asBuffer(key).toString('hex')}`);
    firsts.push(first);
  }
  return firsts;
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
