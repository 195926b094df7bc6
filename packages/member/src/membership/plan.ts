import { type Configuration, type ConfigurationChange, type MemberId, maxLearners, maxVoters } from '@conclave/core';

/** What the table of members asks for. */
export interface Wanted {
  readonly roles: ReadonlyMap<MemberId, 'voter' | 'learner'>;
  readonly leaseReads: boolean;
}

/** How the leader sees the others just now. */
export interface Sight {
  /** Heard of within an election time and replicating, the leader included. */
  readonly reachable: ReadonlySet<MemberId>;
  /** Learners that may be promoted. */
  readonly caughtUp: ReadonlySet<MemberId>;
}

export interface Plan {
  /** Null: nothing can be done now. */
  readonly change: ConfigurationChange | null;
  /** Why not all that is wanted is in `change`. Null: it is, or nothing is left to do. */
  readonly waitsFor: string | null;
}

/**
 * The next step from a settled configuration to what is wanted: as much of it as is safe, in one change. New members come in as learners
 * and are promoted when they have caught up. A change whose new voters could not agree on anything is never proposed: it could not be
 * committed, nor taken back, and the cluster would stand still until somebody comes back.
 */
export function planChange(configuration: Configuration, wanted: Wanted, sight: Sight): Plan {
  const { learners, voters } = configuration;
  const { roles } = wanted;
  const there = new Set([...voters, ...learners]);
  const missing = [...roles].filter(([member]) => !there.has(member));
  const rising = learners.filter((member) => roles.get(member) === 'voter');
  const leaving = voters.filter((member) => roles.get(member) !== 'voter');
  const all = { missing, rising, leaving, dropped: learners.filter((member) => !roles.has(member)) };
  // Whoever is not there anyway is the safest to go; and when nobody can go, others may still come.
  const fewer = [leaving, leaving.filter((member) => !sight.reachable.has(member)), []];
  for (const gone of fewer) {
    const change = changeOf(configuration, wanted, sight, { ...all, leaving: gone });
    if (change === null) continue;
    return { change, waitsFor: gone.length < leaving.length ? waitsForVoters(leaving) : waitsForLearners(all, sight) };
  }
  return { change: null, waitsFor: leaving.length > 0 ? waitsForVoters(leaving) : waitsForLearners(all, sight) };
}

interface Differences {
  readonly missing: readonly (readonly [MemberId, 'voter' | 'learner'])[];
  readonly rising: readonly MemberId[];
  readonly leaving: readonly MemberId[];
  readonly dropped: readonly MemberId[];
}

/** Null: it would change nothing, or must not be. */
function changeOf(
  { leaseReads, learners, voters }: Configuration,
  wanted: Wanted,
  { caughtUp, reachable }: Sight,
  { dropped, leaving, missing, rising }: Differences,
): ConfigurationChange | null {
  const staying = voters.filter((member) => !leaving.includes(member));
  const promote = rising.filter((member) => caughtUp.has(member)).slice(0, maxVoters - staying.length);
  const demote = leaving.filter((member) => wanted.roles.get(member) === 'learner');
  const remove = [...leaving.filter((member) => !wanted.roles.has(member)), ...dropped];
  // Core counts those that are promoted or dropped in this change as learners still.
  const room = Math.max(0, maxLearners - learners.length - demote.length);
  const votersFirst = missing.toSorted(([, a], [, b]) => Number(b === 'voter') - Number(a === 'voter'));
  const addLearners = votersFirst.slice(0, room).map(([member]) => member);
  const next = [...staying, ...promote];
  const votersChange = leaving.length > 0 || promote.length > 0;
  if (votersChange && !isQuorumOf(next, reachable)) return null;
  const changesLeases = wanted.leaseReads !== leaseReads;
  if (!votersChange && addLearners.length === 0 && remove.length === 0 && !changesLeases) return null;
  return { addLearners, promote, demote, remove, leaseReads: wanted.leaseReads };
}

function isQuorumOf(voters: readonly MemberId[], present: ReadonlySet<MemberId>): boolean {
  return voters.filter((member) => present.has(member)).length * 2 > voters.length;
}

function waitsForVoters(leaving: readonly MemberId[]): string {
  return `without ${leaving.join(', ')} the voters that can be reached would be no majority`;
}

function waitsForLearners({ missing, rising }: Differences, { caughtUp }: Sight): string | null {
  const behind = rising.filter((member) => !caughtUp.has(member));
  if (behind.length > 0) return `${behind.join(', ')} must catch up before they vote`;
  return missing.length > 0 ? `${missing.map(([member]) => member).join(', ')} must come in before they vote` : null;
}
