import type { Timers } from '../environment.ts';
import type { Outbox } from './outbox.ts';

/**
 * Outboxes with something in them. They are emptied when a turn of the pump ends, since that is where most answers come from; what is
 * put in between turns leaves when everything that has arrived was read.
 */
export class Dispatch {
  readonly #timers: Timers;
  #waiting: Outbox[] = [];
  /** A flush is on its way: scheduled, or the end of the turn. */
  #expected = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  add(outbox: Outbox): void {
    this.#waiting.push(outbox);
    if (this.#expected) return;
    this.#expected = true;
    this.#timers.soon(() => this.flush());
  }

  /** Ends with `flush`. */
  turnBegins(): void {
    this.#expected = true;
  }

  flush(): void {
    this.#expected = false;
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const outbox of waiting) outbox.flush();
  }
}
