import type { Configuration, MemberId } from './types.ts';

export type VoteResult = 'won' | 'lost' | 'pending';

/**
 * The largest value that a majority has reached: of both majorities while the configuration is joint. Sorted anew each time: seven numbers
 * cost nothing, and every cleverer way has been a bug somewhere (openraft #1802).
 */
export function reachedByQuorum(configuration: Configuration, valueOf: (member: MemberId) => number): number {
  return Math.min(
    reachedByMajority(configuration.voters, valueOf),
    reachedByMajority(configuration.votersOutgoing, valueOf),
  );
}

/** Infinity for an empty set: it has nothing to object to. */
function reachedByMajority(members: readonly MemberId[], valueOf: (member: MemberId) => number): number {
  if (members.length === 0) return Number.POSITIVE_INFINITY;
  const descending = members.map(valueOf).toSorted((a, b) => b - a);
  return descending[majorityOf(members.length) - 1] as number;
}

export function tally(configuration: Configuration, votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  const incoming = tallyMajority(configuration.voters, votes);
  const outgoing = tallyMajority(configuration.votersOutgoing, votes);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}

function tallyMajority(members: readonly MemberId[], votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  if (members.length === 0) return 'won';
  const granted = members.filter((member) => votes.get(member) === true).length;
  const refused = members.filter((member) => votes.get(member) === false).length;
  if (granted >= majorityOf(members.length)) return 'won';
  return members.length - refused < majorityOf(members.length) ? 'lost' : 'pending';
}

function majorityOf(size: number): number {
  return Math.floor(size / 2) + 1;
}
