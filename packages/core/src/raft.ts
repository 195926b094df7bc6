import { assert, fail } from './assertion.ts';
import type { ConfigurationHistory } from './configuration-history.ts';
import type { Durability } from './durability.ts';
import type { Lease } from './lease.ts';
import type { RaftLog } from './log.ts';
import type { Message, PromiseMessage } from './message.ts';
import type { RaftOptions } from './options.ts';
import type { Outbox } from './output.ts';
import { integerBetween, type Prng } from './prng.ts';
import type { Progress } from './progress.ts';
import type { Reads } from './reads.ts';
import type {
  Acknowledged,
  Configuration,
  HardState,
  Index,
  MemberId,
  Millis,
  Role,
  Term,
  TransferId,
} from './types.ts';

/** Leadership on its way to another member. */
export interface Transfer {
  readonly id: TransferId;
  readonly to: MemberId;
  readonly deadline: Millis;
  /** The target has all of the log and was asked to stand for election. */
  isAsked: boolean;
}

/** The whole state of one member. The functions of the other files work on it, one file for each concern. */
export interface Raft {
  readonly options: RaftOptions;
  readonly prng: Prng;
  readonly log: RaftLog;
  readonly durability: Durability;
  readonly reads: Reads;
  readonly outbox: Outbox;
  readonly lease: Lease;
  readonly configurations: ConfigurationHistory;
  /** In force: the last one in the log. */
  readonly configuration: Configuration;
  now: Millis;

  term: Term;
  vote: MemberId | null;
  role: Role;
  leader: MemberId | null;
  acknowledged: Acknowledged;
  /** Somebody waits at this member for what is committed. */
  audience: boolean;
  /** The state machine's newest durable checkpoint. The log begins at or before it. */
  checkpointed: Index;

  /** Drawn anew with every role, so that two members do not campaign together again and again (Raft §5.2). */
  electionTimeoutMs: Millis;
  electionDeadline: Millis;
  /** When this member last heard of a leader: for one election time it helps nobody to replace it (thesis §4.2.3). */
  lastLeaderContact: Millis;
  /** Answers to the campaign under way, for as long as there is one. */
  votes: Map<MemberId, boolean>;
  /** As follower: the leader wants this member to lead, and the others are being asked. Where this member's log ended when it asked. */
  takeover: Index | null;
  /** Id of the snapshot that replaced the log, until the state machine holds what it brought. */
  restoring: string | null;

  /** Leader only, for every member but itself. */
  progress: Map<MemberId, Progress>;
  heartbeatDeadline: Millis;
  /** Names loads and snapshots. */
  nextToken: number;
  /** Leader only: the entry that opened its term. */
  termStart: Index;
  transfer: Transfer | null;
}

export function hardStateOf(raft: Raft): HardState {
  return { term: raft.term, vote: raft.vote, commit: raft.log.committed };
}

export function send(raft: Raft, message: Exclude<Message, PromiseMessage>): void {
  raft.outbox.messages.push(message);
}

/** Sends when the disk holds everything that `message` says, which may be now. */
export function promise(raft: Raft, message: PromiseMessage): void {
  if (message.term !== raft.term) fail(`promise for term ${message.term} in term ${raft.term}`);
  if (raft.durability.admit(message)) raft.outbox.messages.push(message);
}

/** True when that is more than was ever acknowledged before. */
export function acknowledge(raft: Raft, index: Index): boolean {
  const { acknowledged, term } = raft;
  const isNews = term > acknowledged.term || index > acknowledged.index;
  if (isNews) raft.acknowledged = { term, index };
  return isNews;
}

export function resetElectionTimer(raft: Raft): void {
  const { electionMs } = raft.options;
  raft.electionTimeoutMs = integerBetween(raft.prng, electionMs, 2 * electionMs);
  raft.electionDeadline = raft.now + raft.electionTimeoutMs;
}

/** A message of the present term's leader arrived. */
export function hearFromLeader(raft: Raft, leader: MemberId): void {
  if (raft.role === 'leader') fail(`member ${leader} leads term ${raft.term}, and so does this one`);
  if (raft.leader !== null && raft.leader !== leader) fail(`${raft.leader} and ${leader} both lead term ${raft.term}`);
  if (raft.role !== 'follower' || raft.leader !== leader) follow(raft, raft.term, leader);
  raft.lastLeaderContact = raft.now;
  raft.electionDeadline = raft.now + raft.electionTimeoutMs;
}

/** Steps back to following, in this term or in a later one. */
export function follow(raft: Raft, term: Term, leader: MemberId | null): void {
  assert(term >= raft.term, `term would go back from ${raft.term} to ${term}`);
  if (term > raft.term) {
    raft.term = term;
    raft.vote = null;
    raft.durability.stageHardState();
    raft.durability.dropPromisesBefore(term);
  }
  changeRole(raft, 'follower', leader);
}

export function changeRole(raft: Raft, role: Role, leader: MemberId | null): void {
  raft.role = role;
  raft.leader = leader;
  raft.votes.clear();
  raft.takeover = null;
  raft.durability.dropVoteRequests();
  raft.progress.clear();
  raft.heartbeatDeadline = Number.POSITIVE_INFINITY;
  raft.reads.abandon(raft.outbox, leader);
  if (raft.transfer !== null) raft.outbox.handedOver.push(raft.transfer.id);
  raft.transfer = null;
  raft.outbox.leadershipChanged = true;
  resetElectionTimer(raft);
}
