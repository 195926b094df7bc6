import { compareBytes, type KeyRange } from '@conclave/protocol';

/** Latin-1: one character a byte, so that bytes are compared and looked up as strings. */
export function keyText(key: Uint8Array): string {
  let text = '';
  for (const byte of key) text += String.fromCharCode(byte);
  return text;
}

export function selects({ end, key: from }: KeyRange, key: Uint8Array): boolean {
  if (end === null) return compareBytes(from, key) === 0;
  return compareBytes(from, key) <= 0 && (end.length === 0 || compareBytes(key, end) < 0);
}

const firstUnreserved = Uint8Array.of(1);

/** As a range query reads it: a range that begins at the empty key begins behind the reserved keys, which are had only by naming them. */
export function behindReserved(range: KeyRange): KeyRange {
  return range.end !== null && range.key.length === 0 ? { key: firstUnreserved, end: range.end } : range;
}

/** The same keys, each once, in order: ranges that overlap or touch become one. */
export function merged(ranges: readonly KeyRange[]): KeyRange[] {
  const sorted = ranges
    .filter((range) => !isEmpty(range))
    .toSorted((a, b) => compareBytes(a.key, b.key) || (a.end === null ? -1 : 1));
  const result: KeyRange[] = [];
  for (const range of sorted) {
    const last = result.at(-1);
    if (last === undefined || !continues(last, range)) result.push(range);
    else result[result.length - 1] = { key: last.key, end: laterEnd(last, range) };
  }
  return result;
}

function isEmpty({ end, key }: KeyRange): boolean {
  return end !== null && end.length > 0 && compareBytes(key, end) >= 0;
}

/** Whether `next`, which does not begin before `range`, begins inside it or right where it ends. */
function continues({ end, key }: KeyRange, next: KeyRange): boolean {
  if (end === null) return compareBytes(key, next.key) === 0;
  return (
    end.length === 0 || compareBytes(next.key, end) < 0 || (next.end !== null && compareBytes(next.key, end) === 0)
  );
}

function laterEnd(a: KeyRange, b: KeyRange): Uint8Array | null {
  if (b.end === null) return a.end;
  if (a.end === null) return b.end;
  if (a.end.length === 0 || b.end.length === 0) return new Uint8Array();
  return compareBytes(a.end, b.end) >= 0 ? a.end : b.end;
}

interface RangeGroup<Watch> {
  readonly range: KeyRange;
  readonly watches: Set<Watch>;
}

/**
 * Which watches select a key. Single keys are looked up; equal ranges are one entry, however many watch it, so that the cost of an event grows
 * with the distinct ranges and not with the watches.
 */
export class Selection<Watch> {
  readonly #keys = new Map<string, Set<Watch>>();
  readonly #ranges = new Map<string, RangeGroup<Watch>>();

  add(range: KeyRange, watch: Watch): void {
    if (range.end === null) {
      const text = keyText(range.key);
      const there = this.#keys.get(text);
      if (there === undefined) this.#keys.set(text, new Set([watch]));
      else there.add(watch);
      return;
    }
    const name = rangeName(range.key, range.end);
    const there = this.#ranges.get(name);
    if (there === undefined) this.#ranges.set(name, { range, watches: new Set([watch]) });
    else there.watches.add(watch);
  }

  remove(range: KeyRange, watch: Watch): void {
    if (range.end === null) {
      const text = keyText(range.key);
      const there = this.#keys.get(text);
      there?.delete(watch);
      if (there?.size === 0) this.#keys.delete(text);
      return;
    }
    const name = rangeName(range.key, range.end);
    const there = this.#ranges.get(name);
    there?.watches.delete(watch);
    if (there?.watches.size === 0) this.#ranges.delete(name);
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0 && this.#ranges.size === 0;
  }

  /** Calls `found` for each watch that selects `key`; more than once for one that selects it more than once. */
  match(key: Uint8Array, found: (watch: Watch) => void): void {
    if (this.#keys.size > 0) for (const watch of this.#keys.get(keyText(key)) ?? []) found(watch);
    for (const { range, watches } of this.#ranges.values()) {
      if (selects(range, key)) for (const watch of watches) found(watch);
    }
  }
}

/** Both ends, told apart by the length of the first. */
function rangeName(key: Uint8Array, end: Uint8Array): string {
  return `${key.length}:${keyText(key)}${keyText(end)}`;
}
