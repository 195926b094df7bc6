/** Randomness comes in through the constructor, so that a seed decides a whole run. It must differ after every restart (see reads.ts). */
export interface Prng {
  /** A float in [0, 1). */
  next(): number;
}

/** An integer in [low, high). */
export function integerBetween(prng: Prng, low: number, high: number): number {
  return low + Math.floor(prng.next() * (high - low));
}
