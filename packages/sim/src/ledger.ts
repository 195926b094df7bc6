import type { Entry, MemberId, Output } from '@conclave/core';
import type { Host } from './host.ts';
import type { Observer } from './observer.ts';

/** What was committed at one index, as the first member that knew it saw it. */
export interface Committed {
  readonly chain: number;
  /** The term of the member that first knew it to be committed, which was the leader's. */
  readonly inTerm: number;
  readonly term: number;
}

/**
 * What every member's log holds, in memory and on disk, with each entry chained to all before it: two logs are equal up to an index exactly if
 * their chains are. The invariants compare numbers instead of logs.
 */
export class Ledger implements Observer {
  readonly name = 'ledger';
  /** At `index`, the hash of the log up to there; 0 at index 0. */
  readonly memory: Map<MemberId, number[]> = new Map();
  readonly disk: Map<MemberId, number[]> = new Map();
  /** By index; the first is the empty log. */
  readonly committed: Committed[] = [{ chain: 0, inTerm: 0, term: 0 }];
  readonly #diskEntries = new Map<MemberId, Entry[]>();

  started(host: Host): void {
    const chain = chainOf(host.disk.image.entries, 0);
    this.memory.set(host.id, [...chain]);
    this.disk.set(host.id, chain);
    this.#diskEntries.set(host.id, [...host.disk.image.entries]);
  }

  took(host: Host, output: Output): void {
    const first = output.persist?.entries[0];
    const chain = this.memoryOf(host.id);
    if (output.persist !== null && first !== undefined) {
      chain.length = first.index;
      for (const entry of output.persist.entries) chain.push(link(chain.at(-1) ?? 0, entry));
    }
  }

  durable(host: Host): void {
    const chain = this.diskOf(host.id);
    const known = this.#diskEntries.get(host.id) ?? [];
    const entries = host.disk.image.entries;
    // Entries are immutable and shared: where the image and what was seen of it are the same objects, nothing has changed.
    let same = Math.min(known.length, entries.length);
    while (same > 0 && known[same - 1] !== entries[same - 1]) same--;
    known.length = same;
    chain.length = same + 1;
    for (const entry of entries.slice(same)) {
      known.push(entry);
      chain.push(link(chain.at(-1) ?? 0, entry));
    }
  }

  memoryOf(id: MemberId): number[] {
    return this.memory.get(id) ?? [0];
  }

  diskOf(id: MemberId): number[] {
    return this.disk.get(id) ?? [0];
  }
}

function chainOf(entries: readonly Entry[], before: number): number[] {
  const chain = [before];
  for (const entry of entries) chain.push(link(chain.at(-1) ?? 0, entry));
  return chain;
}

/** The load never writes the same four first bytes twice, so that they and the length stand for the data. */
function link(before: number, entry: Entry): number {
  let hash = before ^ 0x9e3779b9;
  for (const value of [entry.index, entry.term, entry.kind, entry.data.byteLength, ...entry.data.subarray(0, 4)]) {
    hash = Math.imul(hash ^ value, 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash;
}
