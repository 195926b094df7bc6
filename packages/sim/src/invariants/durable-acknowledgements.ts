import { presentMembers } from '../cluster.ts';
import type { Host } from '../host.ts';
import type { Ledger } from '../ledger.ts';
import type { Observer } from '../observer.ts';
import { demand } from '../violation.ts';

/** The durability scan: after everything has healed, every write that was acknowledged to a client stands on every member's disk. */
export class DurableAcknowledgements implements Observer {
  readonly name = 'acknowledged writes are durable';
  readonly #ledger: Ledger;
  readonly #acknowledged = new Map<number, number>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  writeAcknowledged(index: number): void {
    const chain = this.#ledger.committed[index]?.chain;
    demand(chain !== undefined, this.name, () => `${index} was acknowledged but never committed`);
    this.#acknowledged.set(index, chain as number);
  }

  ended(hosts: readonly Host[]): void {
    for (const [index, chain] of this.#acknowledged) {
      for (const host of presentMembers(hosts)) {
        const kept = this.#ledger.diskOf(host.id)[index] === chain;
        demand(kept, this.name, () => `write ${index} is missing on the disk of ${host.id}`);
      }
    }
  }
}
