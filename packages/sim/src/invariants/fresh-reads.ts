import type { Observer } from '../observer.ts';
import { demand } from '../violation.ts';

/**
 * A read is answered from a state that holds everything that any client was told before the read began: writes that were
 * acknowledged, and states that other reads were answered from. With writes in one order that is linearizability.
 */
export class FreshReads implements Observer {
  readonly name = 'reads are fresh';
  #known = 0;
  readonly #floors = new Map<number, number>();

  writeAcknowledged(index: number): void {
    this.#known = Math.max(this.#known, index);
  }

  readBegan(read: number): void {
    this.#floors.set(read, this.#known);
  }

  readAnswered(read: number, appliedIndex: number): void {
    const floor = this.#floors.get(read) ?? 0;
    demand(
      appliedIndex >= floor,
      this.name,
      () => `read ${read} saw ${appliedIndex}, ${floor} was known when it began`,
    );
    this.#floors.delete(read);
    this.#known = Math.max(this.#known, appliedIndex);
  }
}
