import type { Clock } from './environment.ts';

/** The times that a leader stamps its commands with. */
export interface Stamp {
  readonly clusterTimeMs: number;
  readonly wallTimeMs: number;
}

/** Cluster time goes on from the last command's, by this leader's own clock. In what one leader stamps it never goes back. */
export class ClusterClock {
  readonly #clock: Clock;
  #base = { clusterTimeMs: 0, atMs: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** This member leads from now on. */
  goOnFrom(clusterTimeMs: number): void {
    this.#base = { clusterTimeMs, atMs: this.#clock.nowMs() };
  }

  /** It has applied everything from before its own term: what earlier leaders stamped lies behind it now. */
  atLeast(clusterTimeMs: number): void {
    if (this.stamp().clusterTimeMs < clusterTimeMs) this.goOnFrom(clusterTimeMs);
  }

  stamp(): Stamp {
    const { atMs, clusterTimeMs } = this.#base;
    const passedMs = this.#clock.nowMs() - atMs;
    return { clusterTimeMs: Math.floor(clusterTimeMs + passedMs), wallTimeMs: Math.floor(this.#clock.wallMs()) };
  }
}
