import { limits, type Revision, type RevisionEvents } from '@conclave/protocol';
import { DamagedStateError } from '../damage.ts';
import type { RevisionOrigin } from '../records/history-record.ts';
import type { State } from '../state.ts';
import { bytesOf } from './key-bytes.ts';
import { type KeyVersion, livingBefore, versionAt } from './key-version.ts';
import { checkReadable } from './range.ts';
import { keyEvent, pinnedEvents } from './revision-events.ts';
import { readRecord } from './values.ts';
import { eventBytes } from './write.ts';

/** A piece of history, as a watch that resumes reads it. */
export interface HistoryPage {
  /** In order, none left out: exactly what was emitted when they were applied. */
  readonly revisions: readonly RevisionEvents[];
  /** Where the next page begins. */
  readonly next: Revision;
  /** Nothing further is known: `next` is yet to be written. */
  readonly done: boolean;
}

/**
 * The revisions from `from` on, as many as weigh at most `maxBytes`, but at least one. Throws COMPACTED below the compacted
 * revision. At that revision itself, the previous entries of the events are null: they were compacted.
 */
export function historyPage(state: State, from: Revision, maxBytes: number): HistoryPage {
  const { timeline, counters } = state;
  const first = Math.max(from, 1);
  if (first > counters.revision) return { revisions: [], next: first, done: true };
  checkReadable(state, first);
  const revisions: RevisionEvents[] = [];
  let bytes = 0;
  for (let at = timeline.find(first); at < timeline.length; ) {
    const revision = timeline.revision(at);
    const versions = versionsOf(state, at);
    bytes += weightOf(state, at, versions);
    if (bytes > maxBytes && revisions.length > 0) return { revisions, next: revision, done: false };
    revisions.push(eventsOf(state, at, versions));
    at += versions.length;
  }
  return { revisions, next: counters.revision + 1, done: true };
}

/** The changes of the revision that begins at `at` in the timeline. */
function versionsOf({ timeline }: State, at: number): KeyVersion[] {
  const revision = timeline.revision(at);
  const versions: KeyVersion[] = [];
  for (let next = at; next < timeline.length && timeline.revision(next) === revision; next++) {
    const version = versionAt(timeline.node(next), revision);
    if (version === null || version.revision !== revision || version.sub !== versions.length) {
      throw new DamagedStateError(`history ${revision}.${versions.length} is not in the index`);
    }
    versions.push(version);
  }
  if (versions.length > limits.maxChangesPerEntry) throw new DamagedStateError(`revision ${revision} changes too much`);
  return versions;
}

function weightOf(state: State, at: number, versions: readonly KeyVersion[]): number {
  return versions.reduce((bytes, version, i) => {
    const node = state.timeline.node(at + i);
    const previous = previousOf(state, at + i, version);
    return bytes + eventBytes(node.key.length, version.valueBytes, previous === null ? 0 : previous.valueBytes);
  }, 0);
}

/** Null also for what was compacted, whether its record was removed yet or not: that must not show. */
function previousOf(state: State, at: number, version: KeyVersion): KeyVersion | null {
  if (version.revision <= state.counters.compacted) return null;
  return livingBefore(state.timeline.node(at), version.revision);
}

function eventsOf(state: State, at: number, versions: readonly KeyVersion[]): RevisionEvents {
  const { timeline, values } = state;
  const revision = timeline.revision(at);
  const pinned = state.pinned.find(revision);
  if (pinned !== undefined) return pinnedEvents(values, pinned, state.counters.compacted);
  let origin: RevisionOrigin | null = null;
  const events = versions.map((version, i) => {
    const node = timeline.node(at + i);
    const record = readRecord(values, node, version);
    origin ??= record.origin;
    return keyEvent(values, node, bytesOf(node.key), version, record.value, previousOf(state, at + i, version));
  });
  const { author, reason, wallTimeMs } = checkedOrigin(origin, revision, versions.length);
  return { revision, events, author, reason, wallTimeMs };
}

function checkedOrigin(origin: RevisionOrigin | null, revision: Revision, changes: number): RevisionOrigin {
  if (origin === null || origin.changes !== changes) {
    throw new DamagedStateError(`revision ${revision} does not hold the ${changes} changes of the index`);
  }
  return origin;
}
