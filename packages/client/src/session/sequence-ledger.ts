import { limits } from '@conclave/protocol';

/**
 * The sequences of a session's mutations: which are answered, so that the cluster may forget their answers, and whether another one may
 * leave. Requests for a lock that wait in the queue are kept: sent again, the acquire is answered with what is true then. A wait may
 * take hours and thousands of other mutations; when the window is full the oldest that is only kept is acknowledged, and its state is found
 * out by a query from then on.
 */
export class SequenceLedger {
  #next = 1;
  /** In rising order, because they are taken in rising order. */
  readonly #open = new Set<number>();
  readonly #kept = new Set<number>();

  /** The smallest sequence whose answer may still be asked for. Never goes back. */
  get acknowledgedBelow(): number {
    for (const sequence of this.#open) return sequence;
    return this.#next;
  }

  hasRoom(): boolean {
    while (this.#next >= this.acknowledgedBelow + limits.maxSessionWindow) {
      const first = this.acknowledgedBelow;
      if (!this.#kept.delete(first)) return false;
      this.#open.delete(first);
    }
    return true;
  }

  take(): number {
    const sequence = this.#next++;
    this.#open.add(sequence);
    return sequence;
  }

  /** Answered, but it may be asked again. */
  keep(sequence: number): void {
    if (this.#open.has(sequence)) this.#kept.add(sequence);
  }

  /** It is asked again: not to be given up before it is answered. */
  unkeep(sequence: number): void {
    this.#kept.delete(sequence);
  }

  /** Whether it may be sent again. */
  isOpen(sequence: number): boolean {
    return this.#open.has(sequence);
  }

  settle(sequence: number): void {
    this.#open.delete(sequence);
    this.#kept.delete(sequence);
  }
}
