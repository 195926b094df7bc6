import type { RaftNode, RaftStatus } from '@conclave/core';

/**
 * How long ago enough others were heard to make a majority with this leader: nobody can have led since without one of them. In ms.
 */
function sinceMajorityContactMs({ configuration, id, peers }: RaftStatus): number {
  const majorities = [configuration.voters, configuration.votersOutgoing].filter((voters) => voters.length > 0);
  const ages = majorities.map((voters) => {
    const heard = voters.map((voter) =>
      voter === id ? 0 : (peers.find((peer) => peer.id === voter)?.sinceLastContactMs ?? Number.POSITIVE_INFINITY),
    );
    return heard.toSorted((a, b) => a - b)[Math.floor(voters.length / 2)] ?? Number.POSITIVE_INFINITY;
  });
  return Math.max(0, ...ages);
}

/** How old this member's state may be: how long ago it heard of a leader, or, as leader, of a majority. */
export function stalenessMs(node: RaftNode, nowMs: number): number {
  const { lastLeaderContact, now, role } = node.state;
  const heard = role === 'leader' ? now - sinceMajorityContactMs(node.status()) : lastLeaderContact;
  // Since it started it may not have heard of any leader: then nothing is known of its state's age.
  return Math.min(Math.max(0, Math.round(nowMs - heard)), Number.MAX_SAFE_INTEGER);
}
