/** One contender, as a queue names it: its session. */
export type Contender = number;

/**
 * Checks that a lock is granted strictly first come first served: whoever holds it says from time to time who waits, in the order of the log, and
 * the next grants must be those, in that order.
 */
export class Turns {
  #expected: Contender[] = [];
  #granted = 0;
  #checked = 0;
  readonly #violations: string[] = [];

  get granted(): number {
    return this.#granted;
  }

  /** Grants of which it was known whose turn it was. */
  get checked(): number {
    return this.#checked;
  }

  get violations(): readonly string[] {
    return this.#violations;
  }

  /** The queue as it stands while nothing is granted: between the grant and the release of whoever asked. */
  queue(waiting: readonly Contender[]): void {
    const known = this.#expected;
    const at = known.findIndex((one, place) => waiting[place] !== one);
    if (at !== -1)
      this.#violations.push(`${known.join(' ')} were to come, and then the queue was ${waiting.join(' ')}`);
    this.#expected = [...waiting];
  }

  grant(to: Contender): void {
    this.#granted++;
    const next = this.#expected.shift();
    if (next === undefined) return;
    this.#checked++;
    if (next === to) return;
    this.#violations.push(`grant ${this.#granted} went to ${to}, and it was the turn of ${next}`);
    this.#expected = [];
  }
}
