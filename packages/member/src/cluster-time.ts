import type { Clock } from './environment.ts';
import type { Stamp } from './mutations.ts';

/** A leader's: it goes on from the last command's, by this leader's own clock. */
export class ClusterTime {
  readonly #clock: Clock;
  #base = { clusterTimeMs: 0, atMs: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** This member leads from now on. */
  goesOnFrom(clusterTimeMs: number): void {
    this.#base = { clusterTimeMs, atMs: this.#clock.nowMs() };
  }

  stamp(): Stamp {
    const { atMs, clusterTimeMs } = this.#base;
    return {
      clusterTimeMs: Math.floor(clusterTimeMs + this.#clock.nowMs() - atMs),
      wallTimeMs: Math.floor(this.#clock.wallMs()),
    };
  }
}
