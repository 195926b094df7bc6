import type { Scheduler } from './scheduler.ts';

/** A member's monotonic clock: any origin, and a rate that is a little wrong. */
export class Clock {
  readonly #scheduler: Scheduler;
  readonly #rate: number;
  readonly #origin: number;

  constructor(scheduler: Scheduler, rate: number, origin: number) {
    this.#scheduler = scheduler;
    this.#rate = rate;
    this.#origin = origin;
  }

  now(): number {
    return this.#origin + this.#scheduler.now * this.#rate;
  }

  /** True time at which this clock shows `local`; a trifle later, so that rounding cannot wake anybody too early. */
  trueTime(local: number): number {
    return (local - this.#origin) / this.#rate + 0.001;
  }
}
