import type { Output } from '@conclave/core';
import type { Host } from '../host.ts';
import type { Ledger } from '../ledger.ts';
import type { Observer } from '../observer.ts';
import { demand } from '../violation.ts';

/** Two logs with an entry of the same index and term are equal up to it (Raft, figure 3). */
export class LogMatching implements Observer {
  readonly name = 'log matching';
  readonly #ledger: Ledger;
  /** By index, then term: the chain that every log with such an entry must have. */
  readonly #chains: Map<number, number>[] = [];

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  took(host: Host, { persist }: Output): void {
    const chain = this.#ledger.memoryOf(host.id);
    for (const { index, term } of persist?.entries ?? []) {
      const byTerm = (this.#chains[index] ??= new Map<number, number>());
      const expected = byTerm.get(term) ?? chain[index];
      demand(
        expected === chain[index],
        this.name,
        () => `entry ${index} of term ${term} on ${host.id} follows another log`,
      );
      byTerm.set(term, chain[index] as number);
    }
  }
}

/** A leader never replaces or removes an entry of its own log (Raft, figure 3). */
export class LeaderAppendOnly implements Observer {
  readonly name = 'leader append-only';
  readonly #tails = new Map<number, number>();

  started(host: Host): void {
    const { base, entries } = host.disk.image;
    this.#tails.set(host.id, base.index + entries.length);
  }

  took(host: Host, { persist }: Output): void {
    if (persist === null) return;
    const tail = this.#tails.get(host.id) ?? 0;
    const first = persist.entries[0]?.index ?? tail + 1;
    const leads = host.node?.state.role === 'leader';
    demand(!leads || first > tail, this.name, () => `leader ${host.id} wrote ${first} again, its log ended at ${tail}`);
    this.#tails.set(host.id, persist.tail);
  }
}
