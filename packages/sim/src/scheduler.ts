export interface ScheduledEvent {
  readonly time: number;
  readonly order: number;
  /** Null once it was cancelled: then its time passes unnoticed. */
  run: (() => void) | null;
}

/** Virtual time: what happens next is whatever is due first, and among equals whatever was asked for first. A binary heap. */
export class Scheduler {
  readonly #heap: ScheduledEvent[] = [];
  #order = 0;
  #now = 0;
  #events = 0;

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
      if (next.run === null) continue;
      this.#now = next.time;
      this.#events++;
      next.run();
      return true;
    }
  }

  #take(): ScheduledEvent {
    const heap = this.#heap;
    const first = heap[0] as ScheduledEvent;
    const last = heap.pop() as ScheduledEvent;
    if (heap.length === 0) return first;
    let at = 0;
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
    return first;
  }
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
