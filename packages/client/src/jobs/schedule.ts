import { Cron } from 'croner';
import { ConclaveError } from '../error.ts';

/** When a job fires: instants that are the same on every instance, whatever its clock and its time zone. */
export interface Schedule {
  /** The first behind `after`. Null: none, ever. */
  next(after: Date): Date | null;
  /** The last that is not later than `at`. Null: none, ever. */
  latest(at: Date): Date | null;
}

/** No schedule has longer pauses than that of leap days. */
const longestPauseMs = 9 * 366 * 86_400_000;
const resolutionMs = 1_000;

/** Five fields, or six with seconds in front. Throws INVALID_ARGUMENT. */
export function scheduleOf(expression: string, timezone: string): Schedule {
  try {
    const cron = new Cron(expression, { timezone, paused: true });
    // An unknown zone is noticed when a time is computed.
    cron.nextRun(new Date(0));
    return {
      next: (after) => cron.nextRun(after),
      latest: (at) => latestOf((after) => cron.nextRun(after), at.getTime()),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConclaveError('INVALID_ARGUMENT', `schedule ${JSON.stringify(expression)}, ${timezone}: ${why}`);
  }
}

/** By looking forward only: how a schedule looks back differs between the hours of a day (croner 11.0.0, `previousRuns`). */
function latestOf(next: (after: Date) => Date | null, atMs: number): Date | null {
  const upTo = (fromMs: number): Date | null => {
    const found = next(new Date(fromMs));
    return found === null || found.getTime() > atMs ? null : found;
  };
  let backMs = resolutionMs;
  let found = upTo(atMs - backMs);
  while (found === null && backMs < longestPauseMs) found = upTo(atMs - (backMs *= 2));
  if (found === null) return null;
  // Nothing fires in the nearer half of the way back, and in the farther one perhaps much.
  let [low, high] = [found.getTime(), atMs];
  while (high - low >= resolutionMs) {
    const middleMs = Math.floor((low + high) / 2);
    const later = upTo(middleMs);
    if (later === null) high = middleMs;
    else low = later.getTime();
  }
  return new Date(low);
}
