import { commit } from './apply/commit.ts';
import { Draft } from './apply/draft.ts';
import { endLease } from './leases/lease-end.ts';
import { endDelay, leaveQueue } from './locks/grant.ts';
import type { State } from './state.ts';

/** Revisions that a restore leaves out: more than the lost part of the old cluster's life can have used. A safe integer has room for 8,000. */
const revisionsLeftOut = 2 ** 40;

/**
 * A backup becomes a new cluster: sessions and leases end, with what hangs on them; the revision, and with it every fence, jumps beyond
 * whatever the old cluster gave out after the backup; earlier history counts as compacted, so that no watch goes on across the restore.
 */
export function reincarnate(state: State, wallTimeMs: number): void {
  const { counters } = state;
  for (const lease of state.leases.values()) {
    for (const request of lease.session?.requests.values() ?? []) if (request.isWaiting) leaveQueue(state, request);
  }
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
  counters.revision += revisionsLeftOut;
  counters.compacted = counters.revision;
  counters.incarnation += 1;
}

/** Their identities stay with the old cluster: the new one's founders are put on record by its first leader. */
function forgetMembers({ cluster, ledger, members }: State): void {
  for (const record of members.values()) ledger.drop(record);
  members.clear();
  ledger.drop(cluster);
  Object.assign(cluster, { nextMember: 0, leaseReads: false, changedAt: 0 });
}

function draftOf(state: State, wallTimeMs: number): Draft {
  return new Draft(0, 0, wallTimeMs, null, 'restore', state.counters.revision + 1, null, 0);
}
