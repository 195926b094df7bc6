import type { Cancel, Clock, Timers } from './environment.ts';
import type { Mutations } from './mutations.ts';
import type { Queries } from './queries.ts';

/** How often deadlines of requests are looked at. */
const sweepIntervalMs = 250;

/** Ends what has waited for longer than its client does, again and again until it is cancelled. */
export function sweepDeadlines(timers: Timers, clock: Clock, mutations: Mutations, queries: Queries): Cancel {
  let cancel: Cancel;
  const next = (): void => {
    cancel = timers.after(sweepIntervalMs, () => {
      const now = clock.nowMs();
      mutations.expire(now);
      queries.expire(now);
      queries.retry();
      next();
    });
  };
  next();
  return () => cancel();
}
