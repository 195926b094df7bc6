// Waiting for a condition instead of sleeping.
import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 10;

/** Resolves with the first value that is not false, null or undefined. `describe` tells a failing test what was there instead. */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  timeoutMs: number,
  describe: () => string,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== null && value !== undefined) return value as Exclude<T, false | null | undefined>;
    if (performance.now() >= deadline) throw new Error(`not so after ${timeoutMs} ms: ${describe()}`);
    await delay(pollMs);
  }
}
