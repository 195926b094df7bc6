import type { Clock } from '../clock.ts';
import type { Scheduler } from '../scheduler.ts';
import type { Microtasks } from './microtasks.ts';

/** What waits while a process stands still, in the order in which it is taken up again (measured on Node 20, after SIGSTOP). */
const kinds = ['timers', 'arrivals', 'immediates'] as const;
type Kind = (typeof kinds)[number];

/** One process on virtual time: each callback is a turn of its event loop of its own, with all its promises. */
export class VirtualProcess {
  readonly clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #microtasks: Microtasks;
  readonly #fail: (error: unknown) => void;
  #isAlive = true;
  #pausedUntilMs = 0;
  #deferred: Record<Kind, (() => void)[]> = { timers: [], arrivals: [], immediates: [] };
  /** Timers that have neither run nor been cancelled. */
  timersRunning = 0;

  constructor(scheduler: Scheduler, microtasks: Microtasks, clock: Clock, fail: (error: unknown) => void) {
    this.#scheduler = scheduler;
    this.#microtasks = microtasks;
    this.clock = clock;
    this.#fail = fail;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isPaused(): boolean {
    return this.#scheduler.now < this.#pausedUntilMs;
  }

  /** Something happens to this process, or waits until it runs again. */
  enter(kind: Kind, act: () => void): void {
    if (!this.#isAlive) return;
    if (this.isPaused) {
      this.#deferred[kind].push(act);
      return;
    }
    this.#microtasks.touch();
    act();
  }

  /** `delayMs` by its own clock. */
  after(delayMs: number, run: () => void): () => void {
    let isOver = false;
    const end = (): void => {
      if (!isOver) this.timersRunning--;
      isOver = true;
    };
    this.timersRunning++;
    const due = this.#scheduler.at(this.clock.trueTime(this.clock.now() + delayMs), () =>
      this.enter('timers', () => {
        if (isOver) return;
        end();
        run();
      }),
    );
    return () => {
      end();
      this.#scheduler.cancel(due);
    };
  }

  soon(run: () => void): void {
    this.#scheduler.after(0, () => this.enter('immediates', run));
  }

  async sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(durationMs, resolve);
    });
  }

  /** What throws in it ends the run. */
  spawn(work: () => Promise<unknown>): void {
    this.#microtasks.touch();
    work().catch((error: unknown) => this.#fail(error));
  }

  pause(durationMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#scheduler.now + durationMs);
    this.#scheduler.at(this.#pausedUntilMs, () => this.#goOn());
  }

  resume(): void {
    this.#pausedUntilMs = 0;
    this.#goOn();
  }

  /** Nothing of it ever goes on. */
  kill(): void {
    this.#isAlive = false;
    this.#deferred = { timers: [], arrivals: [], immediates: [] };
  }

  #goOn(): void {
    if (this.isPaused) return;
    const deferred = this.#deferred;
    this.#deferred = { timers: [], arrivals: [], immediates: [] };
    for (const kind of kinds) for (const act of deferred[kind]) this.#scheduler.after(0, () => this.enter(kind, act));
  }
}
