import type { Environment } from '../environment.ts';
import { type ConclaveError, cancelled } from '../error.ts';
import type { Waiting } from '../exchange/exchange.ts';
import { onAbort } from '../on-abort.ts';

interface Ends {
  /** For people. */
  readonly what: string;
  /** What is waited for makes no sense any more when this aborts. */
  readonly lost: AbortSignal;
  readonly lostError: () => unknown;
  readonly timedOut: () => ConclaveError;
}

/** Resolves when what `arm` is given is called. Rejects when the caller does not want to wait any longer, or what he waits for is lost. */
export async function awaken(
  environment: Environment,
  { deadlineMs, signal }: Waiting,
  { lost, lostError, timedOut, what }: Ends,
  arm: (wake: (() => void) | null) => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    if (lost.aborted) return reject(lostError());
    if (signal?.aborted === true) return reject(cancelled(signal, what));
    const leftMs = deadlineMs - environment.clock.nowMs();
    const stopTimer =
      deadlineMs === Number.POSITIVE_INFINITY
        ? () => {}
        : environment.timers.after(Math.max(0, leftMs), () => finish(() => reject(timedOut())));
    const abort = (): void => finish(() => reject(cancelled(signal as AbortSignal, what)));
    const end = (): void => finish(() => reject(lostError()));
    const finish = (then: () => void): void => {
      arm(null);
      stopTimer();
      stopAborting();
      stopLosing();
      then();
    };
    const stopAborting = onAbort(signal, abort);
    const stopLosing = onAbort(lost, end);
    arm(() => finish(resolve));
  });
}
