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

  /** Calls `found` for each watch that selects `key`; more than once for one that selects it more than once. */
  match(key: Uint8Array, found: (watch: Watch) => void): void {
    for (const watch of this.#keys.get(keyText(key)) ?? []) found(watch);
    for (const { range, watches } of this.#ranges.values()) {
      if (selects(range, key)) for (const watch of watches) found(watch);
    }
  }
}

/** Both ends, told apart by the length of the first. */
function rangeName(key: Uint8Array, end: Uint8Array): string {
  return `${key.length}:${keyText(key)}${keyText(end)}`;
}
