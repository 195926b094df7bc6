import type { Index } from '@conclave/core';

/** With fewer released slots than this at the front the list is not worth copying. */
const minReleasedSlots = 4096;

/**
 * Where each stored record begins, in order: 8 bytes a record, so that nothing is read to find what a truncation removes. Records in front
 * of the log's base stay listed until they are deleted.
 */
export class RecordIndex {
  #firsts: Index[];
  /** Slots at the front that are no longer listed. */
  #released = 0;

  constructor(firsts: readonly Index[]) {
    this.#firsts = [...firsts];
  }

  get size(): number {
    return this.#firsts.length - this.#released;
  }

  append(first: Index): void {
    this.#firsts.push(first);
  }

  /** The last record that begins at or before `index`. */
  atOrBefore(index: Index): Index | null {
    const at = this.#countTo(index);
    return at === this.#released ? null : this.#firsts[at - 1]!;
  }

  /** Takes out those that begin at or behind `from`. */
  takeFrom(from: Index): Index[] {
    return this.#firsts.splice(this.#countTo((from - 1) as Index));
  }

  /** Takes out those that begin before `end`, the first of them, up to a number. */
  takeBefore(end: Index, limit: number): Index[] {
    const to = Math.min(this.#countTo((end - 1) as Index), this.#released + limit);
    const taken = this.#firsts.slice(this.#released, to);
    this.#released = to;
    // At most one copied for each one released: amortised O(1) a record.
    if (this.#released > Math.max(minReleasedSlots, this.#firsts.length / 2)) {
      this.#firsts = this.#firsts.slice(this.#released);
      this.#released = 0;
    }
    return taken;
  }

  /** The position behind the last record that begins at or before `index`. */
  #countTo(index: Index): number {
    let low = this.#released;
    let high = this.#firsts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firsts[middle]! <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
