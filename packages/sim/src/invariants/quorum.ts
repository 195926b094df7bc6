import type { Configuration, MemberId } from '@conclave/core';

/** Once more, and dumb on purpose: the invariants must not count as core does. */
export function isQuorum({ voters, votersOutgoing }: Configuration, members: ReadonlySet<MemberId>): boolean {
  return isMoreThanHalf(voters, members) && (votersOutgoing.length === 0 || isMoreThanHalf(votersOutgoing, members));
}

function isMoreThanHalf(voters: readonly MemberId[], members: ReadonlySet<MemberId>): boolean {
  return 2 * voters.filter((voter) => members.has(voter)).length > voters.length;
}

/** Two members, one for each, that could decide without each other; null when every two quorums have a member in common. */
export function disjointQuorums(one: Configuration, other: Configuration): [MemberId[], MemberId[]] | null {
  const all = [...new Set([...one.voters, ...one.votersOutgoing, ...other.voters, ...other.votersOutgoing])];
  for (let bits = 0; bits < 2 ** all.length; bits++) {
    const inside = all.filter((_member, at) => (bits >> at) & 1);
    const outside = all.filter((_member, at) => !((bits >> at) & 1));
    if (isQuorum(one, new Set(inside)) && isQuorum(other, new Set(outside))) return [inside, outside];
  }
  return null;
}
