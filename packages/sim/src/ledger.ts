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
  readonly #diskEntries = new Map<MemberId, { readonly base: number; readonly entries: Entry[] }>();

  started(host: Host): void {
    const { base, entries } = host.disk.image;
    const chain = this.#committedChain(base.index);
    for (const entry of entries) chain.push(link(chain.at(-1) ?? 0, entry));
    this.memory.set(host.id, [...chain]);
    this.disk.set(host.id, chain);
    this.#diskEntries.set(host.id, { base: base.index, entries: [...entries] });
  }

  took(host: Host, { persist }: Output): void {
    if (persist === null) return;
    if (persist.snapshot !== null) this.memory.set(host.id, this.#committedChain(persist.snapshot.position.index));
    const first = persist.entries[0];
    const chain = this.memoryOf(host.id);
    if (first === undefined) return;
    chain.length = first.index;
    for (const entry of persist.entries) chain.push(link(chain.at(-1) ?? 0, entry));
  }

  /** Where a log begins, everything before it was committed. */
  #committedChain(upTo: number): number[] {
    return this.committed.slice(0, upTo + 1).map(({ chain }) => chain);
  }

  durable(host: Host): void {
    let chain = this.diskOf(host.id);
    const known = this.#diskEntries.get(host.id) ?? { base: 0, entries: [] };
    const { base, entries } = host.disk.image;
    // Entries are immutable and shared: where the image and what was seen of it are the same objects, nothing has changed.
    let same = Math.min(known.base + known.entries.length, base.index + entries.length);
    while (same > base.index && known.entries[same - known.base - 1] !== entries[same - base.index - 1]) same--;
    // Replaced by a snapshot: what it contains is committed.
    if (same <= base.index && chain[base.index] !== this.committed[base.index]?.chain) {
      chain = this.#committedChain(base.index);
      this.disk.set(host.id, chain);
    }
    same = Math.max(same, base.index);
    chain.length = same + 1;
    for (const entry of entries.slice(same - base.index)) chain.push(link(chain.at(-1) ?? 0, entry));
    this.#diskEntries.set(host.id, { base: base.index, entries: [...entries] });
  }

  memoryOf(id: MemberId): number[] {
    return this.memory.get(id) ?? [0];
  }

  diskOf(id: MemberId): number[] {
    return this.disk.get(id) ?? [0];
  }
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
