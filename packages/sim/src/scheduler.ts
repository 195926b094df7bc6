export interface ScheduledEvent {
  readonly time: number;
  readonly order: number;
  /** Null once it was cancelled, or has run. */
  run: (() => void) | null;
}

/** So few cancelled events may wait for their time to pass. More than that, and more than half of all, are thrown out. */
const maxCancelled = 64;

/** Virtual time: what happens next is whatever is due first, and among equals whatever was asked for first. A binary heap. */
export class Scheduler {
  readonly #heap: ScheduledEvent[] = [];
  #order = 0;
  #now = 0;
  #events = 0;
  #cancelled = 0;

  /** Milliseconds since the run began. */
  get now(): number {
    return this.#now;
  }

  get eventCount(): number {
    return this.#events;
  }

  at(time: number, run: () => void): ScheduledEvent {
    const heap = this.#heap;
    const event: ScheduledEvent = { time: Math.max(time, this.#now), order: this.#order++, run };
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent] as ScheduledEvent;
      if (!isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
    return event;
  }

  after(delay: number, run: () => void): ScheduledEvent {
    return this.at(this.#now + delay, run);
  }

  /** It will not happen. Nearly all timers end so: were they left where they are, most of the heap would be dead. */
  cancel(event: ScheduledEvent): void {
    if (event.run === null) return;
    event.run = null;
    this.#cancelled++;
    if (this.#cancelled > maxCancelled && this.#cancelled > this.#heap.length / 2) this.#clear();
  }

  #clear(): void {
    const heap = this.#heap;
    let kept = 0;
    for (const event of heap) if (event.run !== null) heap[kept++] = event;
    heap.length = kept;
    this.#cancelled = 0;
    for (let at = (kept >>> 1) - 1; at >= 0; at--) this.#sink(at, heap[at] as ScheduledEvent);
  }

  /** Runs everything that is due up to and including `time`. */
  runUntil(time: number): void {
    while (this.step(time)) {
      // Until nothing is due any more.
    }
  }

  /** Runs the next event that is due up to `time`. False when there is none: then it is `time`. */
  step(time: number): boolean {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.time > time) {
        this.#now = Math.max(this.#now, time);
        return false;
      }
      this.#take();
      const { run } = next;
      if (run === null) {
        this.#cancelled--;
        continue;
      }
      next.run = null;
      this.#now = next.time;
      this.#events++;
      run();
      return true;
    }
  }

  #take(): void {
    const last = this.#heap.pop() as ScheduledEvent;
    if (this.#heap.length > 0) this.#sink(0, last);
  }

  /** Puts it where it belongs at or below `at`. */
  #sink(from: number, last: ScheduledEvent): void {
    const heap = this.#heap;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as ScheduledEvent)) child++;
      if (!isBefore(heap[child] as ScheduledEvent, last)) break;
      heap[at] = heap[child] as ScheduledEvent;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
