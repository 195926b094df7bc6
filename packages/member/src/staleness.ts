import type { Barrier } from './barrier.ts';
import type { Cancel, Clock, Timers } from './environment.ts';

/** A member with clients leaves its state unconfirmed no longer than this, so that the first local read of a client knows something. */
const refreshMs = 1_000;

/**
 * How old this member's state may be, as local reads say it: the time since the last round began in which the leader confirmed what the state
 * holds by now. That a leader was heard proves less: a heartbeat may have waited in a socket, come from one that leads no more, or have outrun
 * entries that wait for a disk.
 */
export class Staleness {
  readonly #barrier: Pick<Barrier, 'askedMs' | 'confirmedMs' | 'wait'>;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #heartbeatMs: number;
  #refresh: Cancel | null = null;

  constructor(
    barrier: Pick<Barrier, 'askedMs' | 'confirmedMs' | 'wait'>,
    clock: Clock,
    timers: Timers,
    heartbeatMs: number,
  ) {
    this.#barrier = barrier;
    this.#clock = clock;
    this.#timers = timers;
    this.#heartbeatMs = heartbeatMs;
  }

  /** Whether there is anybody who might ask. */
  audience(present: boolean): void {
    this.stop();
    if (present) this.#keepFresh();
  }

  stop(): void {
    this.#refresh?.();
    this.#refresh = null;
  }

  /** In ms, rounded up; `Number.MAX_SAFE_INTEGER` while nothing is known. Who asks again soon hears of a newer round. */
  ms(): number {
    this.#ask(this.#heartbeatMs);
    return Math.min(Math.ceil(this.#clock.nowMs() - this.#barrier.confirmedMs), Number.MAX_SAFE_INTEGER);
  }

  #keepFresh(): void {
    this.#ask(refreshMs);
    this.#refresh = this.#timers.after(refreshMs, () => this.#keepFresh());
  }

  /** Unless somebody did within this time: rounds are shared. */
  #ask(withinMs: number): void {
    if (this.#clock.nowMs() - this.#barrier.askedMs >= withinMs) this.#barrier.wait(nobody);
  }
}

function nobody(): void {}
