import { demand } from '../../violation.ts';
import type { Change, Item, MemberObserver, WatchRecord } from '../observer.ts';
import type { AppliedEntry } from '../oracle.ts';
import type { LinearizableKeys } from './linearizable-keys.ts';

interface Past {
  readonly revision: number;
  readonly changes: readonly Change[];
  readonly author: string | null;
}

/** Whoever must have everything in the end. */
export interface Follower {
  readonly isAlive: boolean;
  readonly record: WatchRecord;
}

/** Ordered, none missing, none twice, whole revisions, by whom they were; progress only behind everything before it; snapshots as the state was. */
export class Watches implements MemberObserver {
  readonly name = 'watches miss and repeat nothing';
  readonly #keys: LinearizableKeys;
  readonly #readers: readonly Follower[];
  /** Revisions that changed keys, in order. */
  readonly #history: Past[] = [];
  delivered = 0;

  constructor(keys: LinearizableKeys, readers: readonly Follower[]) {
    this.#keys = keys;
    this.#readers = readers;
  }

  applied({ applied: { events }, changes }: AppliedEntry): void {
    if (events !== null) this.#history.push({ revision: events.revision, changes, author: events.author });
  }

  watchEvents(watch: WatchRecord, revision: number, changes: readonly Change[], author: string | null): void {
    this.delivered++;
    demand(
      revision >= watch.next,
      this.name,
      () => `${watch.name} got ${revision}, and had everything below ${watch.next}`,
    );
    this.#nothingMissed(watch, revision - 1);
    const past = this.#history[this.#first(revision)];
    const expected = past?.revision === revision ? past.changes.filter(({ key }) => watch.selects(key)) : [];
    const isTrue =
      past?.author === author &&
      expected.length === changes.length &&
      expected.every(({ key, value }, at) => changes[at]?.key === key && changes[at].value === value);
    demand(
      isTrue,
      this.name,
      () => `${watch.name} at ${revision}: ${shown(changes)} by ${author}, not ${shown(expected)}`,
    );
  }

  watchProgress(watch: WatchRecord, revision: number): void {
    this.#nothingMissed(watch, revision);
  }

  watchSnapshot(watch: WatchRecord, revision: number, items: readonly Item[]): void {
    demand(
      revision >= watch.next - 1,
      this.name,
      () => `${watch.name} got the state of ${revision}, and was at ${watch.next}`,
    );
    this.#keys.mustFit(this.name, `${watch.name}, the state of ${revision}`, revision, watch.selects, items);
  }

  /** Where the first one at or behind `revision` stands. */
  #first(revision: number): number {
    let [low, high] = [0, this.#history.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#history[middle]?.revision ?? 0) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #nothingMissed(watch: WatchRecord, upTo: number): void {
    for (let at = this.#first(watch.next); at < this.#history.length; at++) {
      const past = this.#history[at];
      if (past === undefined || past.revision > upTo) return;
      const missed = past.changes.some(({ key }) => watch.selects(key));
      demand(!missed, this.name, () => `${watch.name} missed ${past.revision}: at ${watch.next}, told of ${upTo}`);
    }
  }

  /** Whether every watcher has everything by now. */
  get isComplete(): boolean {
    return this.#readers.every(({ isAlive, record }) => !isAlive || this.#isUpToDate(record));
  }

  #isUpToDate(watch: WatchRecord): boolean {
    for (let at = this.#first(watch.next); at < this.#history.length; at++) {
      if (this.#history[at]?.changes.some(({ key }) => watch.selects(key)) === true) return false;
    }
    return true;
  }

  ended(): void {
    demand(
      this.isComplete,
      this.name,
      () => `not all arrived: ${this.#readers.map(({ record }) => `${record.name} at ${record.next}`).join()}`,
    );
  }
}

function shown(changes: readonly Change[]): string {
  return changes.map(({ key, value }) => `${key} ${value?.slice(0, 20) ?? 'deleted'}`).join();
}
