import type { DeleteCause, KeyEvent, Revision, RevisionEvents } from '@conclave/protocol';
import { type Entry, entryOf, entryOrNull, type KeyEntry } from '../keys/entry.ts';
import type { KeySpace } from '../keys/key-space.ts';
import { toText } from '../text.ts';

export interface PutEvent<E extends KeyEntry = Entry> {
  readonly type: 'put';
  readonly key: string;
  readonly entry: E;
  /** Null: not asked for, none, or compacted. */
  readonly previous: Entry | null;
}

export interface DeleteEvent {
  readonly type: 'delete';
  readonly key: string;
  readonly keyBytes: Uint8Array;
  readonly previous: Entry | null;
  /** `lease`: what it hung on ended. `release`: the value of an election whose leader left. */
  readonly cause: DeleteCause;
}

export type WatchEvent<E extends KeyEntry = Entry> = PutEvent<E> | DeleteEvent;

/** What there is at one revision. A large one comes in several batches: what was known before is void with the `first`. */
export interface SnapshotBatch<E extends KeyEntry = Entry> {
  readonly type: 'snapshot';
  readonly revision: Revision;
  readonly entries: readonly E[];
  readonly first: boolean;
  /** Complete. Also of an empty one. */
  readonly last: boolean;
  /** `compacted`: what happened in between cannot be told any more. `restored`: the cluster was restored from a backup. */
  readonly reason: 'initial' | 'compacted' | 'restored';
}

/** Everything that one revision did to the selected keys: a transaction is never split. */
export interface EventsBatch<E extends KeyEntry = Entry> {
  readonly type: 'events';
  readonly revision: Revision;
  readonly events: readonly WatchEvent<E>[];
  /** Who and why, as the writer said. */
  readonly author: string | null;
  readonly reason: string | null;
  readonly wallTimeMs: number;
}

/** Everything up to this revision was given before. */
export interface ProgressBatch {
  readonly type: 'progress';
  readonly revision: Revision;
}

export type WatchBatch<E extends KeyEntry = Entry> = SnapshotBatch<E> | EventsBatch<E> | ProgressBatch;

export function eventsBatch(revision: RevisionEvents, space: KeySpace): EventsBatch {
  return {
    type: 'events',
    revision: revision.revision,
    events: revision.events.map((event) => eventOf(event, space)),
    author: revision.author,
    reason: revision.reason,
    wallTimeMs: revision.wallTimeMs,
  };
}

function eventOf(event: KeyEvent, space: KeySpace): WatchEvent {
  const previous = entryOrNull(event.previous, space);
  if (event.type === 'put') {
    const entry = entryOf(event.entry, space);
    return { type: 'put', key: entry.key, entry, previous };
  }
  const keyBytes = space.own(event.key);
  return { type: 'delete', key: toText(keyBytes), keyBytes, previous, cause: event.cause };
}
