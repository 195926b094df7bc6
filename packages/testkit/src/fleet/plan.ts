// What is done to whoever leads, one thing after the other: data, a function of the seed alone.
import { Random } from '../history/testing/random.ts';

export const strikes = ['pause', 'kill', 'cut', 'cut forward', 'cut backward'] as const;
export type Strike = (typeof strikes)[number];

export interface Blow {
  readonly strike: Strike;
  /** The member that leads the cluster is killed at the same moment. */
  readonly withMember: boolean;
}

const memberShare = 0.25;

/** Without an end. Every kind comes before any comes again. */
export function* blowsOf(seed: number): Generator<Blow, never> {
  const random = new Random(seed);
  let left: Strike[] = [];
  for (;;) {
    if (left.length === 0) left = [...strikes];
    const [strike] = left.splice(random.integer(0, left.length - 1), 1);
    if (strike !== undefined) yield { strike, withMember: random.chance(memberShare) };
  }
}
