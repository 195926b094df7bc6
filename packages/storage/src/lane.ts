/** Runs tasks one after the other, in the order in which they were asked for: LevelDB and the anchor take one write at a time. */
export class Lane {
  #last: Promise<unknown> = Promise.resolve();

  async run<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    // A failure belongs to whoever asked; those behind it have their own checks.
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when everything asked for so far has run. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
