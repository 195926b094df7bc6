import type { Configuration, Entry, Index, Output } from '@conclave/core';
import type { Host } from '../host.ts';
import type { Ledger } from '../ledger.ts';
import type { Observer } from '../observer.ts';
import { demand } from '../violation.ts';
import { isQuorum } from './quorum.ts';

/**
 * What is committed is committed for ever and the same everywhere (Raft, figure 3: state machine safety), and when it becomes so a majority
 * of *disk images* holds it: not what members believe, what a crash would leave.
 */
export class Commitment implements Observer {
  readonly name = 'commitment';
  readonly #ledger: Ledger;
  readonly #seen = new Map<number, number>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  started(host: Host): void {
    this.#seen.set(host.id, 0);
  }

  /** With the configuration that the leader counted by: the next thing it does may be to change it. */
  stepped(host: Host): void {
    const state = host.node?.state;
    if (state?.role !== 'leader') return;
    const { committed } = this.#ledger;
    while (committed.length <= state.log.committed) this.#first(host, committed.length, state.configuration);
  }

  took(host: Host): void {
    const state = host.node?.state;
    if (state === undefined) return;
    const chain = this.#ledger.memoryOf(host.id);
    const { committed } = this.#ledger;
    for (let index = (this.#seen.get(host.id) ?? 0) + 1; index <= state.log.committed; index++) {
      const mine = chain[index];
      demand(committed[index]?.chain === mine, this.name, () => `${host.id} committed another entry at ${index}`);
    }
    this.#seen.set(host.id, state.log.committed);
  }

  #first(host: Host, index: number, configuration: Configuration): void {
    const chain = this.#ledger.memoryOf(host.id)[index] as number;
    const state = host.node?.state;
    const inTerm = state?.term ?? 0;
    const holders = [...this.#ledger.disk].filter(([, disk]) => disk[index] === chain).map(([member]) => member);
    demand(
      chain !== undefined && isQuorum(configuration, new Set(holders)),
      'committed on a durable majority',
      () =>
        `${host.id} committed ${index} in term ${inTerm}, on ${holders.join(', ')} of ${JSON.stringify(configuration)}`,
    );
    this.#ledger.committed[index] = { chain, inTerm, term: state?.log.termAt(index as Index) ?? 0 };
  }
}

/** A leader's log holds every entry committed in an earlier term (Raft, figure 3). */
export class LeaderCompleteness implements Observer {
  readonly name = 'leader completeness';
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  took(host: Host, { leadership }: Output): void {
    if (leadership?.role !== 'leader') return;
    const { committed } = this.#ledger;
    // A leader of an old term, elected late by votes that were on their way, may lack what newer terms have committed.
    let index = committed.length - 1;
    while (index > 0 && (committed[index]?.inTerm ?? 0) >= leadership.term) index--;
    const chain = this.#ledger.memoryOf(host.id);
    demand(
      chain[index] === committed[index]?.chain,
      this.name,
      () =>
        `${host.id} leads term ${leadership.term} without entry ${index}, committed in term ${committed[index]?.inTerm}`,
    );
  }
}

/** Members apply the same entries in the same order, from the first on, none twice in one life and only durable ones. */
export class AppliedInOrder implements Observer {
  readonly name = 'applied in order';
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  applied(host: Host, entry: Entry): void {
    const { index } = entry;
    demand(index === host.appliedIndex + 1, this.name, () => `${host.id} applied ${index} after ${host.appliedIndex}`);
    const chain = this.#ledger.memoryOf(host.id)[index];
    demand(chain === this.#ledger.committed[index]?.chain, this.name, () => `${host.id} applied ${index}, uncommitted`);
    const disk = this.#ledger.diskOf(host.id)[index];
    demand(chain === disk, this.name, () => `${host.id} applied ${index} before it was durable there`);
  }
}
