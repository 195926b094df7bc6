// The keys of the naive second implementation: the whole store is copied at each revision. Obviously right, and slow.
import type { Compare, DeleteCause, KeyRange, KeyValue, Range, RangeResult } from '@conclave/protocol';
import { hex } from './plain.ts';

export type Entries = readonly KeyValue[];

export interface ModelEvent {
  readonly type: 'put' | 'delete';
  readonly key: Uint8Array;
  readonly entry: KeyValue | null;
  readonly previous: KeyValue | null;
  readonly cause: DeleteCause | null;
}

export function inRange({ key, end }: KeyRange, candidate: Uint8Array): boolean {
  const at = hex(candidate);
  if (end === null) return at === hex(key);
  if (key.length === 0 && candidate[0] === 0) return false;
  return at >= hex(key) && (end.length === 0 || at < hex(end));
}

export function find(entries: Entries, key: Uint8Array): KeyValue | null {
  return entries.find((entry) => hex(entry.key) === hex(key)) ?? null;
}

export function without(entries: Entries, key: Uint8Array): Entries {
  return entries.filter((entry) => hex(entry.key) !== hex(key));
}

export function withEntry(entries: Entries, entry: KeyValue): Entries {
  return [...without(entries, entry.key), entry].toSorted((a, b) => (hex(a.key) < hex(b.key) ? -1 : 1));
}

/** Small entries only: the bound of bytes has tests of its own. */
export function readModel(entries: Entries, query: Range, revision: number): RangeResult {
  const found = entries.filter(({ key }) => inRange(query.range, key));
  const ordered = query.order === 'ascending' ? found : found.toReversed();
  const given = query.countOnly ? [] : query.limit === 0 ? ordered : ordered.slice(0, query.limit);
  return {
    type: 'range',
    revision,
    entries: given.map((entry) => (sendsValue(query, entry) ? entry : { ...entry, value: null })),
    more: !query.countOnly && given.length < found.length,
    count: found.length,
  };
}

function sendsValue({ keysOnly, modifiedSince }: Range, entry: KeyValue): boolean {
  return !keysOnly && (modifiedSince === null || entry.modRevision > modifiedSince);
}

export function holdsInModel(entries: Entries, compare: Exclude<Compare, { target: 'lock' }>): boolean {
  const entry = find(entries, compare.key);
  let order = 0;
  if (compare.target === 'value') {
    if (entry === null) return compare.relation === '!=';
    const [left, right] = [hex(entry.value!), hex(compare.operand)];
    order = left < right ? -1 : left > right ? 1 : 0;
  } else {
    const numbers = {
      version: entry?.version,
      create: entry?.createRevision,
      mod: entry?.modRevision,
      lease: entry?.lease,
    };
    order = Math.sign((numbers[compare.target] ?? 0) - compare.operand);
  }
  return { '=': order === 0, '!=': order !== 0, '<': order < 0, '>': order > 0 }[compare.relation];
}
