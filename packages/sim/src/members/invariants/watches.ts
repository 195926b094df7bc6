import type { KeyValue } from '@conclave/protocol';
import { demand } from '../../violation.ts';
import type { MemberObserver, WatchRecord } from '../observer.ts';
import { type AppliedEntry, type Oracle, textOf } from '../oracle.ts';
import { eventText } from '../watch-reader.ts';
import type { LinearizableKeys } from './linearizable-keys.ts';

/** Ordered, none missing, none twice, whole revisions; progress only behind everything before it; snapshots as the state was. */
export class Watches implements MemberObserver {
  readonly name = 'watches miss and repeat nothing';
  readonly #keys: LinearizableKeys;
  readonly #watches: readonly WatchRecord[];
  /** By revision, those that changed keys, in order. */
  readonly #history: {
    readonly revision: number;
    readonly events: readonly { readonly key: string; readonly text: string }[];
  }[] = [];
  delivered = 0;

  constructor(keys: LinearizableKeys, watches: readonly WatchRecord[]) {
    this.#keys = keys;
    this.#watches = watches;
  }

  applied({ applied: { events } }: AppliedEntry): void {
    if (events === null) return;
    const described = events.events.map((event) => ({
      key: textOf(event.type === 'put' ? event.entry.key : event.key),
      text: eventText(event),
    }));
    this.#history.push({ revision: events.revision, events: described });
  }

  watchEvents(watch: WatchRecord, revision: number, events: readonly string[]): void {
    this.delivered++;
    demand(
      revision >= watch.next,
      this.name,
      () => `${watch.name} got ${revision}, and had everything below ${watch.next}`,
    );
    this.#nothingMissed(watch, revision - 1);
    const expected = this.#expected(watch, revision);
    demand(
      expected.join() === events.join(),
      this.name,
      () => `${watch.name} at ${revision}: ${events.join()}, not ${expected.join()}`,
    );
  }

  watchProgress(watch: WatchRecord, revision: number): void {
    this.#nothingMissed(watch, revision);
  }

  watchSnapshot(watch: WatchRecord, revision: number, entries: readonly KeyValue[]): void {
    demand(
      revision >= watch.next - 1,
      this.name,
      () => `${watch.name} got the state of ${revision}, and was at ${watch.next}`,
    );
    const expected = this.#keys.stateAt(revision, watch.selects);
    const seen = entries.map(
      ({ key, modRevision, value }) => `${textOf(key)} ${modRevision} ${value === null ? '' : textOf(value)}`,
    );
    demand(
      seen.join() === expected.join(),
      this.name,
      () => `${watch.name}, the state of ${revision}: ${seen.join()}, not ${expected.join()}`,
    );
  }

  #nothingMissed(watch: WatchRecord, upTo: number): void {
    for (let at = this.#history.length - 1; at >= 0; at--) {
      const past = this.#history[at];
      if (past === undefined || past.revision < watch.next) return;
      if (past.revision > upTo) continue;
      const missed = past.events.some(({ key }) => watch.selects(key));
      demand(!missed, this.name, () => `${watch.name} missed ${past.revision}: at ${watch.next}, told of ${upTo}`);
    }
  }

  #expected(watch: WatchRecord, revision: number): string[] {
    const past = this.#history.find((one) => one.revision === revision);
    return past?.events.flatMap(({ key, text }) => (watch.selects(key) ? [text] : [])) ?? [];
  }

  /** Whether every watcher has everything by now. */
  get isComplete(): boolean {
    return this.#watches.every((watch) => {
      const last = this.#history.findLast(({ events }) => events.some(({ key }) => watch.selects(key)));
      return last === undefined || watch.next > last.revision;
    });
  }

  ended(_oracle: Oracle): void {
    demand(
      this.isComplete,
      this.name,
      () => `not all arrived: ${this.#watches.map(({ name, next }) => `${name} at ${next}`).join()}`,
    );
  }
}
