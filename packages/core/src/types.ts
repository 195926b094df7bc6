/** Position in the log. Entries are numbered from 1 without a gap; 0 stands for "before the first". A safe integer. */
export type Index = number & { readonly __brand: 'Index' };

/** A period with at most one leader (Raft §5.1). A safe integer; 0 before the first election. */
export type Term = number & { readonly __brand: 'Term' };

/** A member of the cluster: an unsigned 32-bit integer, never 0 and never given to another member. */
export type MemberId = number & { readonly __brand: 'MemberId' };

/** Milliseconds of a monotonic clock with any origin. The driver passes it in; core never reads one. */
export type Millis = number;

/** Number of a persist job, counted from 1 since the process started. */
export type PersistSequence = number;

/** What an entry carries. The numbers are written to disk and to the wire: never renumber. */
export const EntryKind = {
  /** Opens a leader's term (Raft §8); means nothing to the state machine. */
  Noop: 0,
  /** A command of the state machine. */
  Command: 1,
  /** A change of membership. */
  Configuration: 2,
} as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

export interface Entry {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  /** Encoded once, where the command was proposed; the same bytes go to every disk and every peer. */
  readonly data: Uint8Array;
}

/** What must survive a crash beside the log itself (Raft, figure 2). */
export interface HardState {
  readonly term: Term;
  /** Whom this member voted for in `term`; null when it has not voted. */
  readonly vote: MemberId | null;
  /** A hint that saves work after a restart. It may lag behind: losing it loses nothing. */
  readonly commit: Index;
}

/**
 * The highest append acknowledgement this member has given (as leader: its durable tail), ordered by term first. `term` is the
 * term in which it was given, not that of the entry: so a legal truncation, which only a later leader can cause, never
 * lowers the pair. A storage whose pair is lower than the one in its anchor, or than the one a peer remembers, has lost something.
 */
export interface Acknowledged {
  readonly term: Term;
  readonly index: Index;
}

/** Who takes part, and what all of them must agree on. Joint while `votersOutgoing` is not empty: then both majorities must agree (Raft §6). */
export interface Configuration {
  readonly voters: readonly MemberId[];
  readonly votersOutgoing: readonly MemberId[];
  /** Receive the log, are not counted. */
  readonly learners: readonly MemberId[];
  /** Outgoing voters that will be learners once the joint configuration is left. */
  readonly learnersNext: readonly MemberId[];
  /**
   * Whether leaders answer reads from a lease, and voters therefore keep their promises of it over restarts. Part of the configuration
   * because one voter that thinks otherwise breaks it for all.
   */
  readonly leaseReads: boolean;
}

/** What is to become of the configuration; a member is named once at most. At least one part must say something. */
export interface ConfigurationChange {
  /** New members. They receive the log and are not counted. */
  readonly addLearners?: readonly MemberId[];
  /** Learners that have caught up, to be voters. */
  readonly promote?: readonly MemberId[];
  /** Voters, to be learners. */
  readonly demote?: readonly MemberId[];
  /** Voters or learners. Their ids are never used again, which is for the driver to see to. */
  readonly remove?: readonly MemberId[];
  readonly leaseReads?: boolean;
}

/** A state of the state machine that was made elsewhere, and that replaces everything up to `position`. */
export interface SnapshotMeta {
  /** Names what the driver has staged; opaque. */
  readonly id: string;
  readonly position: LogPosition;
  /** In force at `position`. */
  readonly configuration: Configuration;
}

/** A run of consecutive entries of one term; the run ends where the next begins. */
export interface TermRun {
  readonly term: Term;
  readonly first: Index;
}

/** The last entry that a snapshot covers; the log continues behind it. */
export interface LogPosition {
  readonly index: Index;
  readonly term: Term;
}

/** What the storage gives back at start. */
export interface BootState {
  readonly hardState: HardState;
  readonly acknowledged: Acknowledged;
  /** The log begins at `base.index + 1`. Index and term 0 for a log that was never truncated. */
  readonly base: LogPosition;
  /** The terms of all entries behind `base`, in order. */
  readonly terms: readonly TermRun[];
  /** Last entry of the log; equals `base.index` when the log is empty. */
  readonly tail: Index;
  /** The end of the log, at least from `applied + 1`. Older entries are loaded when a slow follower needs them. */
  readonly entries: readonly Entry[];
  /** What the state machine already contains. */
  readonly applied: Index;
  /** In force at `applied`; stored along with the state. Without a stored state it is that of the founding, or an empty one. */
  readonly configuration: Configuration;
}

/**
 * One atomic unit of durability: all of it or nothing of it survives a crash. Jobs become durable in the order of `sequence`;
 * neighbours may be merged into one write.
 */
export interface PersistJob {
  readonly sequence: PersistSequence;
  readonly hardState: HardState;
  /** What this member will have acknowledged once the job is durable. Goes into the log's meta record and the anchor. */
  readonly acknowledged: Acknowledged;
  /**
   * When not null, the log is replaced by an empty one behind `snapshot.position`, before `entries`, and what is staged under the
   * snapshot's id becomes the state. All in the same atomic unit.
   */
  readonly snapshot: SnapshotMeta | null;
  /** Where the log begins after this job: at or before it everything may go. As before when nothing was truncated. */
  readonly base: LogPosition;
  /** Contiguous; the first may lie at or below the old tail, and then it replaces everything from there on. */
  readonly entries: readonly Entry[];
  /** Last entry of the log after this job. */
  readonly tail: Index;
}

/** Chosen by the driver, unique among those it has under way; core only hands it back. Changes of the configuration share it. */
export type ProposalId = number;
export type ReadId = number;
export type TransferId = number;
export type LoadToken = number;
export type SnapshotToken = number;

export interface Proposal {
  readonly id: ProposalId;
  readonly data: Uint8Array;
}

/** Why something was turned down. Nothing that is turned down with one of these has been or will be applied. */
export type Refusal =
  /** Ask `leaderHint`, if there is one. */
  | 'not-leader'
  /** Reads only: leadership was lost before it could be confirmed. */
  | 'leadership-lost'
  /** Too much is not applied yet, or waits already. */
  | 'overloaded'
  /** Leadership is being handed to another member: ask again in a moment. */
  | 'transferring'
  /** Changes only: the last one is not finished. */
  | 'config-pending'
  /** Changes only: the leader is new, and does not know yet what is committed. */
  | 'no-commit-in-term'
  /** Changes only: a member that is to vote is not a learner yet. */
  | 'learner-required'
  /** Changes only: a learner that is to vote lacks too much of the log. */
  | 'not-caught-up'
  /** Changes only: it contradicts the configuration, or itself. */
  | 'invalid-change'
  /** Transfers only: there is no such voter. */
  | 'invalid-target'
  /** Transfers only: the target was not heard of for some heartbeats, or the connection to it broke. */
  | 'target-unreachable'
  /** Transfers only: the target is being sent a snapshot, or has not loaded the one that it was sent. */
  | 'target-behind'
  /** Transfers only: the target did not take over within an election time. */
  | 'transfer-timeout';

export interface Failure {
  readonly what: 'proposal' | 'read' | 'change' | 'transfer';
  /** The ProposalId, ReadId or TransferId. */
  readonly id: number;
  readonly reason: Refusal;
  /** For people: what exactly is wrong, where the reason alone does not say it. */
  readonly detail: string | null;
  readonly leaderHint: MemberId | null;
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';
