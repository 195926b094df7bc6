import type { ClientCore } from '../client-core.ts';
import { ConclaveError, cancelled } from '../error.ts';
import type { Waiting } from '../exchange/exchange.ts';
import { onAbort } from '../on-abort.ts';

/** Those who wait for something to change. All are woken, and each looks for itself whether it is what it waits for. */
export class News {
  readonly #core: ClientCore;
  readonly #what: string;
  readonly #waiting = new Set<() => void>();
  readonly #ended = new AbortController();

  /** `what`: for messages. */
  constructor(core: ClientCore, what: string) {
    this.#core = core;
    this.#what = what;
  }

  /** Aborts when there are no more. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  wake(): void {
    // A copy: whoever is woken may wait again.
    for (const wake of Array.from(this.#waiting)) wake();
  }

  end(reason: unknown): void {
    if (this.ended.aborted) return;
    this.#ended.abort(reason);
    this.wake();
  }

  /** Until it is true. Rejects with what ended it, CANCELLED or DEADLINE_EXCEEDED. */
  async until(isTrue: () => boolean, { deadlineMs, signal }: Waiting): Promise<void> {
    const { clock } = this.#core.environment;
    for (;;) {
      this.ended.throwIfAborted();
      if (signal?.aborted === true) throw cancelled(signal, this.#what);
      if (isTrue()) return;
      const leftMs = deadlineMs - clock.nowMs();
      if (leftMs <= 0) throw new ConclaveError('DEADLINE_EXCEEDED', `${this.#what}: it took longer than it may`);
      await this.#next(leftMs, signal);
    }
  }

  async #next(leftMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        stop();
        stopListening();
        this.#waiting.delete(wake);
        resolve();
      };
      const { timers } = this.#core.environment;
      const stop = leftMs === Number.POSITIVE_INFINITY ? (): void => {} : timers.after(leftMs, wake);
      const stopListening = onAbort(signal, wake);
      this.#waiting.add(wake);
    });
  }
}
