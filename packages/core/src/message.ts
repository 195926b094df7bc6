import type { Entry, Index, MemberId, Term } from './types.ts';

/** Numbers a round of heartbeats within one term; later rounds have larger numbers. */
export type ReadSequence = number;

/** Chosen by a follower for a batch of its reads; never used twice, also not after a restart (see reads.ts). */
export type ReadRequestId = number;

interface Envelope {
  readonly from: MemberId;
  readonly to: MemberId;
  /** The sender's current term. */
  readonly term: Term;
}

/** Would you vote for me in `campaignTerm`? Asked before a term is begun, so that asking disturbs nobody (thesis §9.6). */
export interface PreVote extends Envelope {
  readonly type: 'preVote';
  readonly campaignTerm: Term;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** The leader of the present term asked for it: those who hear it need not protect it (see transfer.ts). */
  readonly transfer: boolean;
}

export interface PreVoteResponse extends Envelope {
  readonly type: 'preVoteResponse';
  readonly campaignTerm: Term;
  readonly granted: boolean;
}

export interface Vote extends Envelope {
  readonly type: 'vote';
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** The leader of the term before asked for this campaign: those who hear it need not protect it (thesis §3.10). */
  readonly transfer: boolean;
}

export interface VoteResponse extends Envelope {
  readonly type: 'voteResponse';
  readonly granted: boolean;
}

export interface Append extends Envelope {
  readonly type: 'append';
  readonly prevIndex: Index;
  readonly prevTerm: Term;
  readonly commit: Index;
  readonly entries: readonly Entry[];
}

/** Everything up to `match` is in the sender's log as it is in the leader's, and durable. */
export interface AppendAccepted extends Envelope {
  readonly type: 'appendAccepted';
  readonly match: Index;
  /** Somebody waits there for what is committed (see the input `audience`). */
  readonly audience: boolean;
}

/** `rejected` is the append's prevIndex. The logs can agree at `hintIndex` at the latest, where this one has `hintTerm`. */
export interface AppendRejected extends Envelope {
  readonly type: 'appendRejected';
  readonly rejected: Index;
  readonly hintIndex: Index;
  readonly hintTerm: Term;
}

export interface Heartbeat extends Envelope {
  readonly type: 'heartbeat';
  /** Not beyond what the receiver is known to hold. */
  readonly commit: Index;
  readonly readSequence: ReadSequence;
}

export interface HeartbeatResponse extends Envelope {
  readonly type: 'heartbeatResponse';
  readonly readSequence: ReadSequence;
  /** The sender's state is there. While it loads one from a snapshot, the sender would lead without being able to answer anybody. */
  readonly canLead: boolean;
}

/** The commit index moved and nothing else is going. Needs no answer: if it is lost, the next heartbeat says the same. */
export interface CommitNotice extends Envelope {
  readonly type: 'commitNotice';
  readonly commit: Index;
}

/** A follower asks for a read index. */
export interface ReadIndexRequest extends Envelope {
  readonly type: 'readIndexRequest';
  readonly request: ReadRequestId;
}

export interface ReadIndexResponse extends Envelope {
  readonly type: 'readIndexResponse';
  readonly request: ReadRequestId;
  readonly index: Index;
}

/** The receiver's log is complete: it is to stand for election at once (thesis §3.10). */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeoutNow';
  /** Where the leader's log ended. A receiver whose log goes on behind it was asked by a leader that has changed its mind since. */
  readonly lastIndex: Index;
}

export type Message =
  | PreVote
  | PreVoteResponse
  | Vote
  | VoteResponse
  | Append
  | AppendAccepted
  | AppendRejected
  | Heartbeat
  | HeartbeatResponse
  | CommitNotice
  | ReadIndexRequest
  | ReadIndexResponse
  | TimeoutNow;

/**
 * What may only be said once the sender's disk holds what it says: its term, its vote, its log. Requests for votes among them: a
 * candidate that forgot its term or the end of its log could win with an old answer to them (see docs/consensus.md, and raft-rs, which holds all messages of a non-leader).
 */
export type PromiseMessage = PreVoteResponse | Vote | VoteResponse | AppendAccepted | AppendRejected;
