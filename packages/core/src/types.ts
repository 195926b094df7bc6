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

/** Who takes part. Joint while `votersOutgoing` is not empty: then both majorities must agree (Raft §6). */
export interface Configuration {
  readonly voters: readonly MemberId[];
  readonly votersOutgoing: readonly MemberId[];
  /** Receive the log, are not counted. */
  readonly learners: readonly MemberId[];
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
  /** The configuration in force at `base`. */
  readonly configuration: Configuration;
  /** The terms of all entries behind `base`, in order. */
  readonly terms: readonly TermRun[];
  /** Last entry of the log; equals `base.index` when the log is empty. */
  readonly tail: Index;
  /** The end of the log, at least from `applied + 1`. Older entries are loaded when a slow follower needs them. */
  readonly entries: readonly Entry[];
  /** What the state machine already contains. */
  readonly applied: Index;
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
  /** Contiguous; the first may lie at or below the old tail, and then it replaces everything from there on. */
  readonly entries: readonly Entry[];
  /** Last entry of the log after this job. */
  readonly tail: Index;
  /** Where the log begins after this job; equal to the old base when nothing is truncated. */
  readonly base: LogPosition;
  /**
   * Replaces the whole log by an empty one that begins behind the snapshot, and switches to the state staged under its id, atomically
   * with everything else in this job. `entries` then follow it.
   */
  readonly snapshot: SnapshotMeta | null;
}

/** What a member needs to know of a snapshot before it has its bytes. */
export interface SnapshotMeta {
  /** Tells it from every other snapshot, also from one of the same position. */
  readonly id: string;
  readonly position: LogPosition;
  /** In force at `position`. */
  readonly configuration: Configuration;
}

/** Chosen by the driver, unique among those it has under way; core only hands it back. */
export type ProposalId = number;
export type ReadId = number;
export type LoadToken = number;

export interface Proposal {
  readonly id: ProposalId;
  readonly data: Uint8Array;
}

/** Why a proposal or a read was turned down. Nothing that is turned down with one of these has been or will be applied. */
export type Refusal =
  /** Ask `leaderHint`, if there is one. */
  | 'not-leader'
  /** Reads only: leadership was lost before it could be confirmed. */
  | 'leadership-lost'
  /** Too much is not applied yet, or waits already. */
  | 'overloaded';

export interface Failure {
  readonly what: 'proposal' | 'read';
  /** The ProposalId or ReadId. */
  readonly id: number;
  readonly reason: Refusal;
  readonly leaderHint: MemberId | null;
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';
