interface Event {
  readonly time: number;
  readonly order: number;
  readonly run: () => void;
}

/** Virtual time: what happens next is whatever is due first, and among equals whatever was asked for first. A binary heap. */
export class Scheduler {
  readonly #heap: Event[] = [];
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

  at(time: number, run: () => void): void {
    const heap = this.#heap;
    const event = { time: Math.max(time, this.#now), order: this.#order++, run };
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent] as Event;
      if (!isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  after(delay: number, run: () => void): void {
    this.at(this.#now + delay, run);
  }

  /** Runs everything that is due up to and including `time`. */
  runUntil(time: number): void {
    while (this.#heap[0] !== undefined && this.#heap[0].time <= time) {
      const event = this.#take();
      this.#now = event.time;
      this.#events++;
      event.run();
    }
    this.#now = Math.max(this.#now, time);
  }

  /** Runs the next event that is due up to `time`. False when there is none: then it is `time`. */
  step(time: number): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.time > time) {
      this.#now = Math.max(this.#now, time);
      return false;
    }
    this.#take();
    this.#now = next.time;
    this.#events++;
    next.run();
    return true;
  }

  #take(): Event {
    const heap = this.#heap;
    const first = heap[0] as Event;
    const last = heap.pop() as Event;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Event)) child++;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}
