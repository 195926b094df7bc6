import { isCaughtUp } from './membership.ts';
import type { Raft } from './raft.ts';
import type { Configuration, Index, LogPosition, MemberId, Millis, Role, Term } from './types.ts';

/** How a member sees itself and, as leader, the others. */
export interface RaftStatus {
  readonly id: MemberId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: MemberId | null;
  readonly leader: MemberId | null;
  /** The log begins behind it. */
  readonly base: LogPosition;
  readonly lastIndex: Index;
  readonly durable: Index;
  readonly committed: Index;
  readonly applied: Index;
  readonly configuration: Configuration;
  /** To whom leadership is being transferred. */
  readonly transferringTo: MemberId | null;
  /** How long the oldest unfinished persist job has been waiting for the disk. */
  readonly diskBehindMs: Millis;
  /** Empty unless this member leads. */
  readonly peers: readonly PeerStatus[];
}

export interface PeerStatus {
  readonly id: MemberId;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  readonly match: Index;
  readonly next: Index;
  readonly inFlight: number;
  readonly sinceLastContactMs: number;
  /** A learner of which this is true may be promoted. */
  readonly caughtUp: boolean;
}

export function statusOf(raft: Raft): RaftStatus {
  return {
    id: raft.options.id,
    role: raft.role,
    term: raft.term,
    vote: raft.vote,
    leader: raft.leader,
    base: raft.log.base,
    lastIndex: raft.log.lastIndex,
    durable: raft.durability.durableIndex,
    committed: raft.log.committed,
    applied: raft.log.applied,
    configuration: raft.configuration,
    transferringTo: raft.transfer?.to ?? null,
    diskBehindMs: raft.now - (raft.durability.waitingSince ?? raft.now),
    peers: [...raft.progress].map(([id, progress]) => ({
      id,
      state: progress.state,
      match: progress.match,
      next: progress.next,
      inFlight: progress.inFlight,
      sinceLastContactMs: raft.now - progress.lastContact,
      caughtUp: isCaughtUp(raft, id),
    })),
  };
}
