import { commit } from './apply/commit.ts';
import { Draft } from './apply/draft.ts';
import { invariant } from './damage.ts';
import { endLease } from './leases/lease-end.ts';
import { endDelay, grantWaiting, leaveQueue, locksOf } from './locks/grant.ts';
import type { State } from './state.ts';

/** Revisions that an incarnation has for itself: more than the lost part of the old cluster's life can have used. A safe integer has room for 8,000. */
const revisionsPerIncarnation = 2 ** 40;

/**
 * A backup becomes a new cluster: sessions and leases end, with what hangs on them; the revision, and with it every fence, jumps beyond
 * whatever the old cluster gave out after the backup, and whatever another restore of the same backup did, if it was of a lower incarnation; earlier history counts as compacted, so that no watch goes on across the restore.
 */
export function reincarnate(state: State, wallTimeMs: number, incarnation: number): void {
  const { counters } = state;
  invariant(incarnation > counters.incarnation, `incarnation ${incarnation} after ${counters.incarnation}`);
  const waiting = [...state.leases.values()].flatMap(({ session }) =>
    [...(session?.requests.values() ?? [])].filter(({ isWaiting }) => isWaiting),
  );
  for (const request of waiting) leaveQueue(state, request);
  // Nobody waits any more: this only ends the locks that nobody holds either.
  grantWaiting(state, draftOf(state, wallTimeMs), waiting.flatMap(locksOf));
  for (const lease of state.leases.values()) {
    const draft = draftOf(state, wallTimeMs);
    endLease(state, draft, lease, 'closed');
    commit(state, draft);
  }
  for (const request of state.delayed.values()) endDelay(state, draftOf(state, wallTimeMs), request);
  for (const keyed of state.keyed.values()) state.ledger.drop(keyed);
  state.keyed.clear();
  for (const past of state.past.values()) state.ledger.drop(past);
  state.past.clear();
  forgetMembers(state);
  counters.revision += revisionsPerIncarnation * (incarnation - counters.incarnation);
  // A client of the old cluster that names a lease by its id must not meet another's.
  counters.nextLease += revisionsPerIncarnation * (incarnation - counters.incarnation);
  counters.compacted = counters.revision;
  counters.incarnation = incarnation;
}

/** Their identities stay with the old cluster: the new one's founders are put on record by its first leader. */
function forgetMembers({ cluster, ledger, members }: State): void {
  for (const record of members.values()) ledger.drop(record);
  members.clear();
  ledger.drop(cluster);
  Object.assign(cluster, { nextMember: 0, leaseReads: false, level: 1, changedAt: 0 });
}

function draftOf(state: State, wallTimeMs: number): Draft {
  return new Draft(0, 0, wallTimeMs, null, 'restore', state.counters.revision + 1, null, 0);
}
