import type { RaftStatus } from '@conclave/core';

/**
 * How long ago enough others were heard to make a majority with this leader: nobody can have led since without one of them. In ms.
 */
export function sinceMajorityContactMs({ configuration, id, peers }: RaftStatus): number {
  const majorities = [configuration.voters, configuration.votersOutgoing].filter((voters) => voters.length > 0);
  const ages = majorities.map((voters) => {
    const heard = voters.map((voter) =>
      voter === id ? 0 : (peers.find((peer) => peer.id === voter)?.sinceLastContactMs ?? Number.POSITIVE_INFINITY),
    );
    return heard.toSorted((a, b) => a - b)[Math.floor(voters.length / 2)] ?? Number.POSITIVE_INFINITY;
  });
  return Math.max(0, ...ages);
}

/** Whole milliseconds since `heardMs`. A member may not have heard of any leader since it started: then nothing is known of its state's age. */
export function stalenessMs(nowMs: number, heardMs: number): number {
  return Math.min(Math.max(0, Math.round(nowMs - heardMs)), Number.MAX_SAFE_INTEGER);
}
