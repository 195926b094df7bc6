/**
 * Runs tasks one after the other, in the order in which they were asked for: LevelDB and the anchor take one write at a time. With nobody in
 * front a task begins before `run` returns: the disk does not wait until its caller has done everything else that it has to do.
 */
export class Lane {
  /** Null: nobody is in front. */
  #last: Promise<void> | null = null;

  async run<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last === null ? task() : this.#last.then(task);
    const over = (): void => {
      if (this.#last === last) this.#last = null;
    };
    // A failure belongs to whoever asked; those behind it have their own checks.
    const last = turn.then(over, over);
    this.#last = last;
    return turn;
  }

  /** Resolves when everything asked for so far has run. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
