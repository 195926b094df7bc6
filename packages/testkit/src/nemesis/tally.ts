// What occurred how often: a fault that never occurs is not tested.

export class Tally {
  readonly #counts = new Map<string, { occurred: number; omitted: number }>();

  occurred(what: string): void {
    this.#of(what).occurred++;
  }

  /** It was planned, and could not be done as things were. */
  omitted(what: string): void {
    this.#of(what).omitted++;
  }

  get rows(): (readonly [what: string, occurred: number, omitted: number])[] {
    return [...this.#counts]
      .map(([what, { occurred, omitted }]) => [what, occurred, omitted] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  #of(what: string): { occurred: number; omitted: number } {
    const known = this.#counts.get(what) ?? { occurred: 0, omitted: 0 };
    this.#counts.set(what, known);
    return known;
  }
}
