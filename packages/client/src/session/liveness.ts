import { bounds } from '../bounds.ts';

/** What is taken off a ttl: clocks of both sides that run at different rates, and what both round. */
export function driftMarginMs(ttlMs: number): number {
  return ttlMs / 100 + bounds.driftConstantMs;
}

/**
 * How long a session certainly lives. The cluster counts from when a confirmed request *arrived*, this side from when it was *sent*, minus a
 * margin: so the deadline here is always the earlier one, without synchronised clocks.
 */
export class Liveness {
  readonly ttlMs: number;
  #confirmedMs: number | null = null;
  #suspectSinceMs: number | null = null;

  constructor(ttlMs: number) {
    this.ttlMs = ttlMs;
  }

  /** The cluster has answered a request that was sent at `sentMs`. Answers may come in another order than requests left. */
  confirm(sentMs: number): void {
    if (this.#confirmedMs === null || sentMs > this.#confirmedMs) this.#confirmedMs = sentMs;
    if (this.#suspectSinceMs !== null && sentMs >= this.#suspectSinceMs) this.#suspectSinceMs = null;
  }

  /** The machine seems to have slept: the monotonic clock may have stood still while the cluster's went on. */
  suspect(nowMs: number): void {
    this.#suspectSinceMs = nowMs;
  }

  /** Before anything was confirmed there is nothing that could be lost. */
  get deadlineMs(): number {
    if (this.#confirmedMs === null) return Number.POSITIVE_INFINITY;
    return this.#confirmedMs + this.ttlMs - driftMarginMs(this.ttlMs);
  }

  isOver(nowMs: number): boolean {
    return nowMs >= this.deadlineMs;
  }

  isInJeopardy(nowMs: number): boolean {
    if (this.#suspectSinceMs !== null) return true;
    return this.#confirmedMs !== null && nowMs - this.#confirmedMs >= this.ttlMs / 2;
  }
}
