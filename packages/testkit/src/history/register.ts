// One key as the search sees it: which operations certainly took effect, which may have, and what each does to the value.
import { canonical, type Json, type KeyOperationName, type OperationRecord } from './record.ts';
import type { Move } from './search.ts';

export type KeyRecord = OperationRecord<KeyOperationName>;

/** States: a value's number, or one of these. */
export const absent = 0;
/** Not known yet: the window that is looked at begins in the middle of the history. The first result binds it. */
export const anything = -1;
/** Written by an operation of unknown outcome and seen by nobody. */
const unseen = -2;

/** Numbers for values, so that a state is one. */
class Values {
  readonly #numbers = new Map<string, number>();

  of(value: Json): number {
    if (value === null) return absent;
    const text = canonical(value);
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#numbers.size + 1);
    return this.#numbers.size;
  }
}

type UnknownWrite = Extract<KeyRecord, { status: 'fail' | 'unknown'; op: 'put' | 'cas' }>;

/**
 * The moves of one key. Values are unique in a good history, and that decides most unknown writes: one whose value somebody saw
 * took effect, before that somebody's return; one whose value nobody saw explains nothing and is left out.
 */
export function movesOfKey(records: readonly KeyRecord[], init: Json): Move[] {
  const values = new Values();
  const moves: Move[] = [];
  /** Per value, the earliest return of an operation that saw it. */
  const seenByNs = new Map<number, number>();
  const writers = new Map<number, number>([[values.of(init), 1]]);
  /** Values that a comparison names: they must stay distinct even when nobody saw them. */
  const named = new Set<number>();
  let absenceOfValueMatters = false;

  const see = (value: Json | undefined, byNs: number): void => {
    if (value === undefined || value === null) return;
    const number = values.of(value);
    seenByNs.set(number, Math.min(seenByNs.get(number) ?? Number.POSITIVE_INFINITY, byNs));
  };
  const unknown: UnknownWrite[] = [];

  for (const record of records) {
    if (record.status === 'fail') continue;
    if (record.op === 'put' || record.op === 'cas') {
      const number = values.of(record.in.value);
      writers.set(number, (writers.get(number) ?? 0) + 1);
      if (record.op === 'cas') named.add(values.of(record.in.expect));
      if (record.status === 'unknown') unknown.push(record);
    }
    if (record.op === 'delete' && record.status === 'unknown') {
      moves.push(maybe(record.call_ns, 'delete', (state) => (state === absent ? undefined : absent)));
    }
    if (record.status !== 'ok') continue;
    switch (record.op) {
      case 'get':
      case 'get_stale':
        see(record.out.value, record.return_ns);
        break;
      case 'put':
        see(record.out.prev, record.return_ns);
        break;
      case 'cas':
        if (record.out.swapped) see(record.in.expect, record.return_ns);
        else if (record.out.value === undefined) absenceOfValueMatters = true;
        else see(record.out.value, record.return_ns);
        break;
      case 'delete':
        absenceOfValueMatters ||= record.out.existed === true;
        break;
    }
    const apply = effectOf(record, values);
    if (apply !== undefined) {
      const { call_ns: callNs, return_ns: returnNs } = record;
      moves.push({ callNs, returnNs, optionalEffect: undefined, isRead: isRead(record), apply });
    }
  }

  const certain = tookEffect(unknown, values, writers, see, seenByNs);
  for (const record of unknown) {
    const value = values.of(record.in.value);
    const hidden = !seenByNs.has(value) && !named.has(value);
    const expect = record.op === 'cas' ? values.of(record.in.expect) : undefined;
    const becomes = hidden ? unseen : value;
    const apply = (state: number): number | undefined => {
      if (expect !== undefined && state !== anything && state !== expect) return undefined;
      return becomes;
    };
    if (certain.has(record)) {
      const returnNs = seenByNs.get(value) as number;
      moves.push({ callNs: record.call_ns, returnNs, optionalEffect: undefined, isRead: false, apply });
    } else if (!hidden || absenceOfValueMatters) {
      moves.push(maybe(record.call_ns, `${expect ?? ''}>${becomes}`, apply));
    }
  }
  return moves;
}

/** Unknown writes that were seen, and those whose value a swap that took effect had found. */
function tookEffect(
  unknown: readonly UnknownWrite[],
  values: Values,
  writers: ReadonlyMap<number, number>,
  see: (value: Json, byNs: number) => void,
  seenByNs: ReadonlyMap<number, number>,
): Set<UnknownWrite> {
  const certain = new Set<UnknownWrite>();
  let grown = true;
  while (grown) {
    grown = false;
    for (const record of unknown) {
      const value = values.of(record.in.value);
      const seen = seenByNs.get(value);
      if (certain.has(record) || seen === undefined || writers.get(value) !== 1) continue;
      certain.add(record);
      if (record.op === 'cas') see(record.in.expect, seen);
      grown = true;
    }
  }
  return certain;
}

function maybe(callNs: number, optionalEffect: string, apply: Move['apply']): Move {
  return { callNs, returnNs: Number.POSITIVE_INFINITY, optionalEffect, isRead: false, apply };
}

function isRead(record: Extract<KeyRecord, { status: 'ok' }>): boolean {
  if (record.op === 'cas') return !record.out.swapped;
  if (record.op === 'delete') return record.out.existed === false;
  return record.op === 'get';
}

/** What an answered operation requires of the state and makes of it. */
function effectOf(record: Extract<KeyRecord, { status: 'ok' }>, values: Values): Move['apply'] | undefined {
  switch (record.op) {
    case 'get': {
      const value = values.of(record.out.value);
      return (state) => (matches(state, value) ? value : undefined);
    }
    case 'get_stale':
      return undefined;
    case 'put': {
      const value = values.of(record.in.value);
      const { prev } = record.out;
      if (prev === undefined) return () => value;
      const before = values.of(prev);
      return (state) => (matches(state, before) ? value : undefined);
    }
    case 'cas': {
      const value = values.of(record.in.value);
      const expect = values.of(record.in.expect);
      const { swapped, value: reported } = record.out;
      if (swapped) return (state) => (matches(state, expect) ? value : undefined);
      if (reported === undefined) return (state) => (state === expect ? undefined : state);
      const found = values.of(reported);
      return (state) => (found !== expect && matches(state, found) ? found : undefined);
    }
    case 'delete': {
      const { existed } = record.out;
      if (existed === undefined) return () => absent;
      return (state) => (state === anything || (state !== absent) === existed ? absent : undefined);
    }
  }
}

function matches(state: number, value: number): boolean {
  return state === value || state === anything;
}
