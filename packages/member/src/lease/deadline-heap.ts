/** The heap may hold so many entries that mean nothing any more, beside one for each that does. */
const maxStaleEntries = 1_024;

interface Due<Key> {
  readonly key: Key;
  readonly atMs: number;
}

/**
 * What falls due first. Moving a deadline only writes it down: the heap still holds the earlier one, and puts it where it belongs when that
 * has come. So a renewal, which moves a deadline every few seconds for each of 100,000 leases, costs one write to a map.
 */
export class DeadlineHeap<Key> {
  readonly #deadlines = new Map<Key, number>();
  readonly #heap: Due<Key>[] = [];

  get size(): number {
    return this.#deadlines.size;
  }

  /** What the heap takes in memory, for the test of its bound. */
  get storedEntries(): number {
    return this.#heap.length;
  }

  deadlineOf(key: Key): number | undefined {
    return this.#deadlines.get(key);
  }

  keys(): Iterable<Key> {
    return this.#deadlines.keys();
  }

  /** Later than before costs nothing; earlier is possible too. */
  set(key: Key, atMs: number): void {
    const before = this.#deadlines.get(key);
    this.#deadlines.set(key, atMs);
    if (before === undefined || atMs < before) this.#push({ key, atMs });
  }

  delete(key: Key): void {
    this.#deadlines.delete(key);
    // Its entry stays until its time: of leases that come and go quickly there may be many.
    if (this.#heap.length > 2 * this.#deadlines.size + maxStaleEntries) this.#rebuild();
  }

  clear(): void {
    this.#deadlines.clear();
    this.#heap.length = 0;
  }

  /** When to look again: nothing falls due before. */
  nextMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** Up to `max` of what is due at `nowMs`; what is taken has no deadline any more. */
  takeDue(nowMs: number, max: number): Key[] {
    const due: Key[] = [];
    while (due.length < max) {
      const first = this.#heap[0];
      if (first === undefined || first.atMs > nowMs) break;
      this.#pop();
      const atMs = this.#deadlines.get(first.key);
      if (atMs === undefined) continue;
      if (atMs > first.atMs) {
        this.#push({ key: first.key, atMs });
      } else if (atMs === first.atMs) {
        this.#deadlines.delete(first.key);
        due.push(first.key);
      }
      // A smaller one is in the heap by itself.
    }
    return due;
  }

  #rebuild(): void {
    this.#heap.length = 0;
    for (const [key, atMs] of this.#deadlines) this.#push({ key, atMs });
  }

  #push(due: Due<Key>): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent] as Due<Key>;
      if (above.atMs <= due.atMs) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Due<Key>;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && right.atMs < (heap[child] as Due<Key>).atMs) child++;
      if ((heap[child] as Due<Key>).atMs >= last.atMs) break;
      heap[at] = heap[child] as Due<Key>;
      at = child;
    }
    heap[at] = last;
  }
}
