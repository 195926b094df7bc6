import type { MemberAddress } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import type { Random } from '../environment.ts';

export interface Attempt {
  readonly url: string;
  /** Full jitter, so that those who lost the same member do not come back together. */
  readonly waitMs: number;
  /** How long it may take until the member has said its welcome. */
  readonly patienceMs: number;
}

/** Which member to try next, and when. Every client goes round in an order of its own, so that a dead member's clients spread. */
export class Endpoints {
  readonly #configured: readonly string[];
  readonly #random: Random;
  #order: string[];
  /** Members that asked not to be tried before. */
  readonly #notBefore = new Map<string, number>();
  /** Attempts since the last connection that lasted. */
  #attempts = 0;

  constructor(configured: readonly string[], random: Random) {
    this.#configured = [...new Set(configured)];
    this.#random = random;
    this.#order = shuffled(this.#configured, random);
  }

  get count(): number {
    return this.#order.length;
  }

  /** The members of today, and those that were configured: an address that members use among themselves may not be ours. */
  learn(members: readonly MemberAddress[]): void {
    const wanted = new Set([...members.map(({ clientUrl }) => clientUrl), ...this.#configured]);
    const kept = this.#order.filter((url) => wanted.delete(url));
    this.#order = [...kept, ...shuffled([...wanted], this.#random)];
    for (const url of this.#notBefore.keys()) if (!this.#order.includes(url)) this.#notBefore.delete(url);
  }

  /** Takes the first in line to its end. */
  next(nowMs: number): Attempt {
    const ready = this.#order.find((url) => (this.#notBefore.get(url) ?? 0) <= nowMs);
    const url = ready ?? this.#soonest();
    this.#order = [...this.#order.filter((other) => other !== url), url];
    const waitMs = Math.max(this.#backoff(), (this.#notBefore.get(url) ?? 0) - nowMs);
    const patienceMs = this.#patienceMs();
    this.#attempts++;
    return { url, waitMs, patienceMs };
  }

  /** To the end of the line, and not before `retryAfterMs`. */
  left(url: string, nowMs: number, retryAfterMs: number, lastedMs: number): void {
    if (lastedMs >= bounds.stableConnectionMs) this.#attempts = 0;
    if (retryAfterMs > 0) this.#notBefore.set(url, nowMs + retryAfterMs);
  }

  #soonest(): string {
    return this.#order.toSorted((a, b) => (this.#notBefore.get(a) ?? 0) - (this.#notBefore.get(b) ?? 0))[0] as string;
  }

  /** A member that is stopped or cut off takes connections, and says nothing: the next one is most often well. */
  #patienceMs(): number {
    if (this.count === 1) return Number.POSITIVE_INFINITY;
    return bounds.firstPatienceMs * 2 ** Math.min(this.#attempts, 16);
  }

  #backoff(): number {
    // The first attempt waits for nothing: most often one member went and the others are well.
    if (this.#attempts === 0) return 0;
    return backoffMs(this.#attempts - 1, this.#random);
  }
}

/** Full jitter. `attempt` counts from 0. */
export function backoffMs(attempt: number, random: Random): number {
  return random.fraction() * Math.min(bounds.backoffCapMs, bounds.backoffBaseMs * 2 ** Math.min(attempt, 16));
}

function shuffled(urls: readonly string[], random: Random): string[] {
  const order = [...urls];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random.fraction() * (last + 1));
    [order[last], order[other]] = [order[other] as string, order[last] as string];
  }
  return order;
}
