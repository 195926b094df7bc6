import type { RaftNode } from '@conclave/core';

/** How old this member's state may be: how long ago it heard of a leader, or, as leader, of a majority. */
export function stalenessMs(node: RaftNode, nowMs: number): number {
  const heard = node.state.role === 'leader' ? lastMajorityContact(node) : node.state.lastLeaderContact;
  const ageMs = Math.round(nowMs - heard);
  // Since it started it may not have heard of any leader: then nothing is known of its state's age.
  return Math.min(Math.max(0, ageMs), Number.MAX_SAFE_INTEGER);
}

/** When enough others were heard to make a majority with this leader: nobody can have led since without one of them. */
function lastMajorityContact(node: RaftNode): number {
  const { peers } = node.status();
  const agesMs = peers.map(({ sinceLastContactMs }) => sinceLastContactMs).toSorted((a, b) => a - b);
  const needed = Math.floor((peers.length + 1) / 2);
  return node.state.now - (agesMs[needed - 1] ?? 0);
}
