// Who held a lock before, for people who look into an incident. Bounded, and the same on every member: the lock that was used longest ago is
// forgotten first.
import { type HoldEnd, limits, type PastHold } from '@conclave/protocol';
import type { Draft } from '../apply/draft.ts';
import type { State } from '../state.ts';
import type { LockRequest } from './lock.ts';

/** On disk: never renumbered. */
export const endNumbers: Readonly<Record<HoldEnd, number>> = {
  released: 0,
  broken: 1,
  expired: 2,
  closed: 3,
  revoked: 4,
};

export function endOfNumber(number: number): HoldEnd | undefined {
  return (['released', 'broken', 'expired', 'closed', 'revoked'] as const).find((end) => endNumbers[end] === number);
}

export class PastHolds {
  readonly table = 'past';
  /** Of the lock. */
  readonly key: string;
  /** When the latest of them ended: log index, and which end of that entry it was. */
  index = 0;
  sub = 0;
  /** The latest first; at most `limits.maxPastHolds`. */
  holds: readonly PastHold[] = [];

  high = 0;
  low = 0;
  stored = false;

  constructor(key: string) {
    this.key = key;
  }
}

export function notePast(state: State, draft: Draft, request: LockRequest, end: PastHold['end']): void {
  const { fence, owner, sequence, sinceWallMs } = request;
  const hold: PastHold = { session: owner, sequence, fence, sinceWallMs, endedWallMs: draft.wallTimeMs, end };
  for (const { lock } of request.claims) {
    const past = state.past.get(lock.key) ?? new PastHolds(lock.key);
    past.holds = [hold, ...past.holds.slice(0, limits.maxPastHolds - 1)];
    past.index = draft.index;
    past.sub = draft.ends;
    draft.ends += 1;
    // To the end: the map is in the order of use.
    state.past.delete(lock.key);
    state.past.set(lock.key, past);
    state.ledger.touch(past);
  }
  forgetOldest(state);
}

function forgetOldest(state: State): void {
  for (const oldest of state.past.values()) {
    if (state.past.size <= limits.maxPastLocks) return;
    state.past.delete(oldest.key);
    state.ledger.drop(oldest);
  }
}
