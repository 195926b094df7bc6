// Compaction is logical at once: no read and no watch sees below the compacted revision from that entry on. The records go later, a
// few at a time, and nobody can tell which are gone.
import type { Compact, CompactResult, Revision } from '@conclave/protocol';
import { historyKey } from '../records/tables.ts';
import type { State } from '../state.ts';
import { countUpTo, type KeyNode, VersionKind, versionAt } from './key-version.ts';
import { checkReadable } from './range.ts';

/** Compacting again at or below what is compacted already is no error: what was asked for is so. */
export function compact(state: State, operation: Compact): CompactResult {
  const { counters } = state;
  if (operation.revision > counters.compacted) {
    checkReadable(state, operation.revision);
    counters.compacted = operation.revision;
  }
  return { type: 'compact', revision: counters.revision };
}

export interface Sweep {
  /** Records that the next checkpoint deletes. */
  readonly removed: number;
  /** Nothing is left until the next compaction or durable checkpoint. */
  readonly done: boolean;
}

/**
 * Removes records that no read at or after the compacted revision can see: versions replaced at or before it, and deletions
 * before it. A deletion *at* it stays: a watch may resume there, and must see it (etcd#18089). Looks at no more than
 * `maxRecords` changes, removes no more than that and leaves alone what no durable checkpoint holds yet.
 */
export function sweep(state: State, maxRecords: number): Sweep {
  const { timeline, sweepCursor: cursor } = state;
  const { compacted, revision } = state.counters;
  const limit = Math.min(compacted, state.pinned.durableBefore(revision));
  if (cursor.revision !== compacted) {
    cursor.revision = compacted;
    cursor.handled = 0;
  }
  let removed = 0;
  let past = 0;
  let done = false;
  for (let looked = 0; looked < maxRecords && removed < maxRecords; looked++) {
    const at = past + cursor.handled;
    if (at >= timeline.length || timeline.revision(at) > limit) {
      done = true;
      break;
    }
    const node = timeline.node(at);
    const changedAt = timeline.revision(at);
    // All at once: a key with a hundred thousand versions would be moved up a hundred thousand times.
    const garbage = countUpTo(node, versionAt(node, limit)!.revision - 1);
    const count = Math.min(garbage, maxRecords - removed);
    removed += dropOldest(state, node, count);
    if (count < garbage) break;
    if (changedAt === compacted) {
      cursor.handled += 1;
      continue;
    }
    removed += dropDeletion(state, node, changedAt);
    past += 1;
  }
  timeline.drop(past);
  return { removed, done };
}

function dropOldest(state: State, node: KeyNode, count: number): number {
  if (count === 0 || node.older === null) return 0;
  for (const version of node.older.splice(0, count)) state.ledger.remove(historyKey(version.revision, version.sub));
  if (node.older.length === 0) node.older = null;
  return count;
}

/** The key did not exist at the compacted revision: that needs no record. */
function dropDeletion(state: State, node: KeyNode, revision: Revision): number {
  const oldest = node.older === null ? node.latest : node.older[0]!;
  if (oldest.revision !== revision || oldest.kind === VersionKind.Put) return 0;
  if (node.older !== null) return dropOldest(state, node, 1);
  state.keys.remove(node.key);
  state.ledger.remove(historyKey(oldest.revision, oldest.sub));
  return 1;
}
