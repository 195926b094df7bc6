import { isJoint, membersOf, sorted } from './configuration.ts';
import { maxLearners, maxVoters } from './options.ts';
import type { Configuration, ConfigurationChange, MemberId } from './types.ts';

export interface WrongChange {
  readonly reason: 'learner-required' | 'invalid-change';
  readonly detail: string;
}

/**
 * What a settled configuration becomes first. When the voters change that is a joint configuration of both sets, also for a single voter: one rule
 * instead of two, and the only one that was ever right for all changes (Raft §6; Ongaro on raft-dev about the other, 2015). Learners and
 * settings touch no majority and are changed at once.
 */
export function changed(configuration: Configuration, change: ConfigurationChange): Configuration | WrongChange {
  const { addLearners = [], demote = [], leaseReads = configuration.leaseReads, promote = [], remove = [] } = change;
  const wrong = contradiction(configuration, change);
  if (wrong !== null) return wrong;
  const gone = new Set([...demote, ...remove]);
  const voters = sorted([...configuration.voters.filter((voter) => !gone.has(voter)), ...promote]);
  const moved = new Set([...promote, ...remove]);
  const learners = sorted([...configuration.learners.filter((learner) => !moved.has(learner)), ...addLearners]);
  if (voters.length === 0) return invalid('nobody would vote');
  if (voters.length > maxVoters) return invalid(`${voters.length} voters are more than ${maxVoters}`);
  if (learners.length + demote.length > maxLearners) return invalid(`more than ${maxLearners} learners`);
  const votersChange = promote.length > 0 || (gone.size > 0 && configuration.voters.some((voter) => gone.has(voter)));
  if (!votersChange) return { voters, votersOutgoing: [], learners, learnersNext: [], leaseReads };
  // Who is demoted votes in the outgoing half for as long as there is one, and nobody is voter and learner at once.
  return { voters, votersOutgoing: configuration.voters, learners, learnersNext: sorted(demote), leaseReads };
}

/** What a joint configuration becomes when it is left. */
export function left(configuration: Configuration): Configuration {
  const learners = sorted([...configuration.learners, ...configuration.learnersNext]);
  return { ...configuration, votersOutgoing: [], learners, learnersNext: [] };
}

function contradiction(configuration: Configuration, change: ConfigurationChange): WrongChange | null {
  const { addLearners = [], demote = [], promote = [], remove = [] } = change;
  if (isJoint(configuration)) return invalid('the last change is not finished');
  const named = [...addLearners, ...demote, ...promote, ...remove];
  const twice = named.find((member, at) => named.indexOf(member) !== at);
  if (twice !== undefined) return invalid(`member ${twice} is named twice`);
  const noId = named.find((member) => !isMemberId(member));
  if (noId !== undefined) return invalid(`${noId} is no member id`);
  const { learners, voters } = configuration;
  const members = membersOf(configuration);
  const known = addLearners.find((member) => members.includes(member));
  if (known !== undefined) return invalid(`member ${known} is there already`);
  const notLearning = promote.find((member) => !learners.includes(member));
  if (notLearning !== undefined) {
    if (voters.includes(notLearning)) return invalid(`member ${notLearning} is a voter already`);
    return { reason: 'learner-required', detail: `member ${notLearning} is no learner: add it as one first` };
  }
  const notVoting = demote.find((member) => !voters.includes(member));
  if (notVoting !== undefined) return invalid(`member ${notVoting} is no voter`);
  const unknown = remove.find((member) => !members.includes(member));
  if (unknown !== undefined) return invalid(`there is no member ${unknown}`);
  const { leaseReads = configuration.leaseReads } = change;
  return named.length === 0 && leaseReads === configuration.leaseReads ? invalid('nothing would change') : null;
}

function isMemberId(id: MemberId): boolean {
  return Number.isInteger(id) && id > 0 && id < 2 ** 32;
}

function invalid(detail: string): WrongChange {
  return { reason: 'invalid-change', detail };
}
