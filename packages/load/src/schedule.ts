import { setTimeout as sleep } from 'node:timers/promises';

/** When the next operation is meant to begin. */
export interface Schedule {
  /** Resolves when it may begin, with the time from which its latency counts; null: the run is over. */
  next(): Promise<number | null> | number | null;
  /** Operations that should have begun until then and did not. */
  notStarted(untilMs: number): number;
}

/** The next begins when the last has ended: the load follows the cluster. */
export class ClosedLoop implements Schedule {
  readonly #isOver: () => boolean;

  constructor(isOver: () => boolean) {
    this.#isOver = isOver;
  }

  next(): number | null {
    return this.#isOver() ? null : performance.now();
  }

  notStarted(): number {
    return 0;
  }
}

/**
 * Operations begin at fixed times, whatever the cluster does. Latency counts from that time also when no worker was free then: a cluster
 * that stands still for a second has made everybody wait who came meanwhile, and not only those who had asked before ("coordinated
 * omission"). Timers are late by up to a millisecond; that counts too.
 */
export class OpenLoop implements Schedule {
  readonly #startMs: number;
  readonly #endMs: number;
  readonly #intervalMs: number;
  readonly #isOver: () => boolean;
  #given = 0;

  constructor(ratePerSecond: number, startMs: number, endMs: number, isOver: () => boolean) {
    this.#startMs = startMs;
    this.#endMs = endMs;
    this.#intervalMs = 1_000 / ratePerSecond;
    this.#isOver = isOver;
  }

  async next(): Promise<number | null> {
    const atMs = this.#startMs + this.#given * this.#intervalMs;
    if (this.#isOver() || atMs >= this.#endMs) return null;
    this.#given++;
    const waitMs = atMs - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    if (!this.#isOver()) return atMs;
    this.#given--;
    return null;
  }

  notStarted(untilMs: number): number {
    const endMs = Math.min(untilMs, this.#endMs);
    return Math.max(0, Math.ceil((endMs - this.#startMs) / this.#intervalMs) - this.#given);
  }
}
