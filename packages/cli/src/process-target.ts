/** What became of a signal. `refused`: who should get it belongs to another user. */
export type Delivery = 'sent' | 'gone' | 'refused';

/** What signals go to, as kill(2) has it: a process, or the group of one. */
export class ProcessTarget {
  /** Negative: a group. */
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  /** Whether there is somebody, by the null signal. */
  get isThere(): boolean {
    return this.#kill(0) !== 'gone';
  }

  signal(name: NodeJS.Signals): Delivery {
    return this.#kill(name);
  }

  /** `sent` when one of a group got it; what belongs to another user may go on. */
  #kill(signal: NodeJS.Signals | 0): Delivery {
    try {
      process.kill(this.id, signal);
      return 'sent';
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ESRCH') return 'gone';
      if (code === 'EPERM') return 'refused';
      throw error;
    }
  }
}
