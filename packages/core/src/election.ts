import { isVoter, votersOf } from './configuration.ts';
import { becomeLeader } from './leader.ts';
import type { PreVote, PreVoteResponse, TimeoutNow, Vote, VoteResponse } from './message.ts';
import { integerBetween } from './prng.ts';
import { tally } from './quorum.ts';
import { changeRole, follow, hearFromLeader, promise, type Raft, resetElectionTimer, send } from './raft.ts';
import type { MemberId, Term } from './types.ts';

/** No leader was heard of for an election timeout, or a campaign found no majority within one. */
export function electionTimeout(raft: Raft): void {
  if (mayStand(raft) && isFit(raft)) preCampaign(raft);
  // Nobody leads any more as far as this member can tell: it must not go on sending readers there.
  else if (raft.leader !== null) changeRole(raft, 'follower', null);
  else resetElectionTimer(raft);
}

/**
 * A member that its last configuration leaves out stands as long as that one may not be committed: it can be the only one whose log
 * is long enough to win, and without it nobody would ever commit what leaves it out (thesis §4.2.2). It does not count itself.
 */
function mayStand({ configurations, log, options }: Raft): boolean {
  return configurations.from(log.committed).some((configuration) => isVoter(configuration, options.id));
}

/**
 * A member whose disk has not taken its last job yet would win an election only to stall the cluster (cowsql), and so would one that still
 * loads the state of a snapshot: it could answer nobody before it has it. Both pass, or the process ends.
 */
function isFit(raft: Raft): boolean {
  return raft.durability.isSettled && raft.restoring === null;
}

/** Asks whether a campaign could be won, before beginning a term: a member that is cut off does not drive terms up (thesis §9.6). */
export function preCampaign(raft: Raft): void {
  changeRole(raft, 'pre-candidate', null);
  raft.votes.set(raft.options.id, true);
  if (tally(raft.configuration, raft.votes) === 'won') {
    campaign(raft, false);
    return;
  }
  askBefore(raft, false);
}

function askBefore(raft: Raft, transfer: boolean): void {
  const asked = { from: raft.options.id, term: raft.term, campaignTerm: nextTerm(raft), ...logEnd(raft), transfer };
  for (const to of othersThatVote(raft)) send(raft, { type: 'preVote', to, ...asked });
}

/** Raft §5.2. Both the vote for itself and the requests wait until term and vote are durable. */
function campaign(raft: Raft, transfer: boolean): void {
  raft.term = nextTerm(raft);
  raft.vote = raft.options.id;
  raft.durability.stageHardState();
  raft.durability.dropPromisesBefore(raft.term);
  changeRole(raft, 'candidate', null);
  const own = { from: raft.options.id, term: raft.term } as const;
  promise(raft, { type: 'voteResponse', ...own, to: raft.options.id, granted: true });
  for (const to of othersThatVote(raft)) promise(raft, { type: 'vote', ...own, to, ...logEnd(raft), transfer });
}

/**
 * The operator, or a test, wants this member to stand. With leases on it has promised the leader it heard not to vote for anybody,
 * itself included.
 */
export function standForElection(raft: Raft): void {
  if (raft.role === 'leader' || !mayStand(raft) || raft.restoring !== null) return;
  if (!raft.configuration.leaseReads || !isBound(raft)) preCampaign(raft);
}

/**
 * The leader wants this member to lead (thesis §3.10). It says so again and again, and the network may deliver that when it has long
 * changed its mind. So the others are asked first, by a pre-vote that those who hear the leader answer, too. Until a majority agrees this
 * member goes on following: a request that came too late costs nobody anything. (Why it cannot succeed: transfer.ts.)
 */
export function handleTimeoutNow(raft: Raft, message: TimeoutNow): void {
  hearFromLeader(raft, message.from);
  if (!mayStand(raft) || !isFit(raft) || raft.log.lastIndex > message.lastIndex) return;
  raft.takeover = raft.log.lastIndex;
  raft.votes.clear();
  raft.votes.set(raft.options.id, true);
  if (tally(raft.configuration, raft.votes) === 'won') campaign(raft, true);
  else askBefore(raft, true);
}

/**
 * The connection to `member` broke. A leader hands nothing over to it now. If that was the leader, it has probably ended: who lost it too need not wait for a timeout. Who still hears it
 * does not vote against it, so that a broken connection alone unseats nobody. Never with leases on: a broken connection does
 * not end what was promised.
 */
export function linkClosed(raft: Raft, member: MemberId): void {
  const progress = raft.progress.get(member);
  if (progress !== undefined) progress.isCut = true;
  if (raft.role !== 'follower' || raft.leader !== member || raft.configuration.leaseReads) return;
  raft.lastLeaderContact = Number.NEGATIVE_INFINITY;
  const soon = raft.now + integerBetween(raft.prng, 0, raft.options.heartbeatMs);
  raft.electionDeadline = Math.min(raft.electionDeadline, soon);
}

export function handlePreVote(raft: Raft, message: PreVote): void {
  if (isBound(raft) && !message.transfer) return;
  const isWilling = raft.role !== 'leader' || raft.transfer?.to === message.from;
  // Changes nothing here: neither the term, nor the vote, nor the timer (hashicorp/raft #609).
  const granted = isWilling && message.campaignTerm > raft.term && isUpToDate(raft, message);
  const { campaignTerm, from } = message;
  promise(raft, { type: 'preVoteResponse', from: raft.options.id, to: from, term: raft.term, campaignTerm, granted });
}

/** Its term does not matter, as long as it is not larger: who grants may be some terms behind, and asking has not told it of ours. */
export function handlePreVoteResponse(raft: Raft, message: PreVoteResponse): void {
  // What the leader has appended since it asked says that it goes on leading.
  if (raft.takeover !== raft.log.lastIndex) raft.takeover = null;
  const isTakeover = raft.takeover !== null;
  if ((raft.role !== 'pre-candidate' && !isTakeover) || message.campaignTerm !== nextTerm(raft)) return;
  raft.votes.set(message.from, message.granted);
  const result = tally(raft.configuration, raft.votes);
  if (result === 'won') campaign(raft, isTakeover);
  else if (result === 'lost' && isTakeover) raft.takeover = null;
  else if (result === 'lost') changeRole(raft, 'follower', null);
}

/** Raft §5.2 and §5.4.1: one vote a term, first come first served, and only for a log that holds everything this one may have committed. */
export function handleVote(raft: Raft, message: Vote): void {
  if (message.term > raft.term) {
    if (isBound(raft) && !message.transfer) return;
    follow(raft, message.term, null);
  }
  // With leases on the term may have come from elsewhere, and the leader that was heard in an earlier one still reads by what was promised.
  const mayVote = raft.leader === null && (message.transfer || !isBound(raft));
  const free = raft.vote === null ? mayVote : raft.vote === message.from;
  const granted = free && isUpToDate(raft, message);
  if (granted && raft.vote === null) {
    raft.vote = message.from;
    raft.durability.stageHardState();
    resetElectionTimer(raft);
  }
  promise(raft, { type: 'voteResponse', from: raft.options.id, to: message.from, term: raft.term, granted });
}

export function handleVoteResponse(raft: Raft, message: VoteResponse): void {
  if (raft.role !== 'candidate') return;
  raft.votes.set(message.from, message.granted);
  const result = tally(raft.configuration, raft.votes);
  if (result === 'won') becomeLeader(raft);
  else if (result === 'lost') changeRole(raft, 'follower', null);
}

/**
 * A leader that is heard, or that this member is itself, is not voted out by somebody who cannot hear it (thesis §4.2.3). With leases on
 * that is a promise, and stands also when a later term is heard of meanwhile, and over a restart.
 */
function isBound(raft: Raft): boolean {
  if (raft.role === 'leader') return true;
  const isRecent = raft.now < raft.lastLeaderContact + raft.options.electionMs;
  return isRecent && (raft.leader !== null || raft.configuration.leaseReads);
}

function isUpToDate(raft: Raft, message: PreVote | Vote): boolean {
  return raft.log.isUpToDate({ index: message.lastIndex, term: message.lastTerm });
}

function logEnd(raft: Raft): Pick<Vote, 'lastIndex' | 'lastTerm'> {
  return { lastIndex: raft.log.lastIndex, lastTerm: raft.log.lastTerm };
}

function nextTerm(raft: Raft): Term {
  return (raft.term + 1) as Term;
}

function othersThatVote(raft: Raft): MemberId[] {
  return votersOf(raft.configuration).filter((member) => member !== raft.options.id);
}
