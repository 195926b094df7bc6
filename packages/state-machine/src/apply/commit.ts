import type { RevisionEvents } from '@conclave/protocol';
import type { PinnedRevision } from '../checkpoint/pinned-history.ts';
import { pinnedEvents } from '../keys/revision-events.ts';
import type { State } from '../state.ts';
import type { Draft } from './draft.ts';

/** Advances the revision by one if a key changed or a lock was granted, and pins what the next checkpoint has to write. */
export function commit(state: State, draft: Draft): RevisionEvents | null {
  const { counters } = state;
  if (!draft.advances) return null;
  counters.revision = draft.revision;
  const { changes } = draft;
  if (changes.length === 0) return null;
  const pinned: PinnedRevision = {
    revision: draft.revision,
    origin: {
      previousRevision: counters.lastChange,
      changes: changes.length,
      wallTimeMs: draft.wallTimeMs,
      author: draft.author,
      reason: draft.reason,
    },
    changes,
  };
  counters.lastChange = draft.revision;
  state.pinned.push(pinned);
  return pinnedEvents(state.values, pinned, counters.compacted);
}
