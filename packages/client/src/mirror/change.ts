import type { Revision } from '@conclave/protocol';
import type { Entry } from '../keys/entry.ts';
import type { EventsBatch } from '../watch/batch.ts';
import { type Draft, nameOf, type SortedEntries } from './sorted-entries.ts';

/** What became of one key. `previous` is what the mirror held; null: it was not there. */
export type MirrorEvent =
  | { readonly type: 'put'; readonly key: string; readonly entry: Entry; readonly previous: Entry | null }
  | { readonly type: 'delete'; readonly key: string; readonly previous: Entry };

/**
 * What led from one state to the next. `synthetic` null: the events of one revision, as the cluster made them. Otherwise the difference between two states,
 * in the order of the keys: what lay between could not be told any more (`compacted`), never was in this cluster (`restored`: from a
 * backup), or was left out for a reader that did not keep up (`slow`).
 */
export interface MirrorChange {
  readonly revision: Revision;
  readonly events: readonly MirrorEvent[];
  readonly synthetic: 'compacted' | 'restored' | 'slow' | null;
  /** Who and why, as the writer said. Null where it is synthetic. */
  readonly author: string | null;
  readonly reason: string | null;
  readonly wallTimeMs: number | null;
}

/** One revision, done to a draft. */
export function applied(batch: EventsBatch, draft: Draft): MirrorChange {
  const events: MirrorEvent[] = [];
  for (const event of batch.events) {
    if (event.type === 'put') {
      const { entry, key } = event;
      const previous = draft.put({ name: nameOf(entry.keyBytes), entry });
      events.push({ type: 'put', key, entry, previous });
    } else {
      const previous = draft.delete(nameOf(event.keyBytes));
      if (previous !== null) events.push({ type: 'delete', key: event.key, previous });
    }
  }
  const { author, reason, revision, wallTimeMs } = batch;
  return { revision, events, synthetic: null, author, reason, wallTimeMs };
}

export function difference(
  before: SortedEntries,
  after: SortedEntries,
  revision: Revision,
  synthetic: MirrorChange['synthetic'],
): MirrorChange {
  const events: MirrorEvent[] = [];
  const [old, now] = [before.range('', null, false), after.range('', null, false)];
  let [was, is] = [old.next(), now.next()];
  while (was.done !== true || is.done !== true) {
    const order = was.done === true ? 1 : is.done === true ? -1 : compare(was.value.name, is.value.name);
    if (order < 0 && was.done !== true) {
      const { entry: previous } = was.value;
      events.push({ type: 'delete', key: previous.key, previous });
    } else if (is.done !== true) {
      const { entry } = is.value;
      const previous = order === 0 && was.done !== true ? was.value.entry : null;
      // A revision wrote a key once: of equal revision is of equal value, also in a cluster that was restored, for it begins with the same history.
      if (previous?.modRevision !== entry.modRevision) events.push({ type: 'put', key: entry.key, entry, previous });
    }
    if (order <= 0) was = old.next();
    if (order >= 0) is = now.next();
  }
  return { revision, events, synthetic, author: null, reason: null, wallTimeMs: null };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
