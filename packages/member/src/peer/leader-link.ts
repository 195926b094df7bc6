import type { Cancel, Lane, Timers } from '../environment.ts';
import type { Renewals } from '../lease/renewals.ts';
import type { Mutations } from '../mutations.ts';

/** What waits for the leader while messages to it are lost: tried again a heartbeat later, since at once they would be lost again. */
export class LeaderLink {
  readonly #timers: Timers;
  readonly #heartbeatMs: number;
  readonly #mutations: Mutations;
  readonly #renewals: Renewals;
  #timer: Cancel | null = null;

  constructor(timers: Timers, heartbeatMs: number, mutations: Mutations, renewals: Renewals) {
    this.#timers = timers;
    this.#heartbeatMs = heartbeatMs;
    this.#mutations = mutations;
    this.#renewals = renewals;
  }

  /** What was sent in one lane is not lost with another. */
  lost(lane: Lane): void {
    if (lane === 'control') this.#renewals.linkToLeaderLost();
    if (lane !== 'bulk') return;
    this.#mutations.linkToLeaderLost();
    this.#timer ??= this.#timers.after(this.#heartbeatMs, () => {
      this.#timer = null;
      this.#mutations.linkMayBeBack();
    });
  }

  stop(): void {
    this.#timer?.();
  }
}
