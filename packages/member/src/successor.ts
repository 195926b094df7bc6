import type { MemberId, RaftStatus } from '@conclave/core';

/** Of the voters that are there, keep up and are `fit`, the one that holds most of the log: to whom a leader hands over. Null: nobody. */
export function successorAmong(
  { configuration, peers }: RaftStatus,
  electionMs: number,
  fit: (peer: MemberId) => boolean,
): MemberId | null {
  const mayFollow = ({ id, sinceLastContactMs, state }: RaftStatus['peers'][number]): boolean =>
    configuration.voters.includes(id) && fit(id) && state === 'replicate' && sinceLastContactMs <= electionMs;
  return peers.filter(mayFollow).toSorted((a, b) => b.match - a.match)[0]?.id ?? null;
}
