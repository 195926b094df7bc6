import { asError } from '../defect.ts';
import type { Cancel, Logger, Store, Timers } from '../environment.ts';
import { bounds } from '../settings.ts';

export interface SpaceWatchListener {
  /** After each look, whether anything has changed or not. */
  looked(): void;
  /** What `looked` throws is a defect. */
  failed(error: Error): void;
}

/** How much room this member's own disk has, looked at all the time; and the reserve, filled again as soon as there is room for it. */
export class SpaceWatch {
  readonly #store: Pick<Store, 'space' | 'restoreReserve'>;
  readonly #timers: Timers;
  readonly #log: Logger;
  readonly #listener: SpaceWatchListener;
  #isLow = false;
  #freeBytes = 0;
  /** Nobody could say how much is free: told once. */
  #isBlind = false;
  #timer: Cancel | null = null;
  #looking: Promise<void> | null = null;
  #stopped = false;

  constructor(
    store: Pick<Store, 'space' | 'restoreReserve'>,
    timers: Timers,
    log: Logger,
    listener: SpaceWatchListener,
  ) {
    this.#store = store;
    this.#timers = timers;
    this.#log = log;
    this.#listener = listener;
  }

  /** Below the low-space watermark of the storage, when it was last looked at. */
  get isLow(): boolean {
    return this.#isLow;
  }

  /** What was free then; 0 when that was below the watermark, or was not looked at yet. */
  get spareBytes(): number {
    return this.#isLow ? 0 : this.#freeBytes;
  }

  start(): void {
    this.#looking = this.#look().then(
      () => this.#looked(),
      (error: unknown) => this.#listener.failed(asError(error)),
    );
  }

  /** Waits for a reserve that is being filled; looks no more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.();
    await this.#looking;
  }

  #looked(): void {
    this.#looking = null;
    // The next one only after this one: a disk that hangs is not asked twice.
    if (!this.#stopped) this.#timer = this.#timers.after(bounds.spaceLookMs, () => this.start());
  }

  async #look(): Promise<void> {
    try {
      await this.#measure();
      this.#isBlind = false;
    } catch (error) {
      // What was true a second ago is the best guess. If the disk is really gone, the next write says so.
      if (!this.#isBlind) this.#log.warn({ error: asError(error).message }, 'cannot tell how much room the disk has');
      this.#isBlind = true;
    }
    if (!this.#stopped) this.#listener.looked();
  }

  async #measure(): Promise<void> {
    const { freeBytes, low, reserveIntact } = await this.#store.space();
    if (low && !this.#isLow) this.#log.error({ freeBytes }, 'the disk is low: it has to be given room');
    if (!low && this.#isLow) this.#log.info({ freeBytes }, 'the disk has room again');
    this.#isLow = low;
    this.#freeBytes = freeBytes;
    if (low || reserveIntact || this.#stopped) return;
    if (await this.#store.restoreReserve()) this.#log.info({ freeBytes }, 'the reserve is filled again');
  }
}
