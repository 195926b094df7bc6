// What a client learns of the cluster itself.
import { boolean, choice, integer, nullable, text } from '../schema/primitive.ts';
import { type CaseTable, list, type Structure, structure } from '../schema/structure.ts';
import * as shared from '../schema/vocabulary.ts';
import { clusterId, type MemberAddress, memberAddress, memberId } from './handshake.ts';
import { type ErrorBody, errorBody, requestId } from './request.ts';
import { wireLimits } from './wire-limits.ts';

/** Hand leadership to another voter. Any member passes it on to the leader. */
export interface TransferLeader {
  readonly type: 'transferLeader';
  readonly id: number;
  /** Null: the voter that lacks least. */
  readonly to: number | null;
}

export interface Transferred {
  readonly type: 'transferred';
  readonly id: number;
  /** Who leads now. */
  readonly leaderId: number;
}

/** Answered by `status` without asking the log: also where there is no quorum. */
export interface StatusRequest {
  readonly type: 'statusRequest';
  readonly id: number;
}

/**
 * What the committed configuration makes of a member. `joining`: it is on record and not yet counted; `leaving`: the change that takes its vote
 * is under way, or it is to be removed and still there.
 */
export type MemberStanding = 'voter' | 'learner' | 'joining' | 'leaving';

export type MemberRole = 'leader' | 'follower' | 'candidate' | 'learner' | 'unreachable';

/** Of an unreachable member the numbers are what was last heard, or null. */
export interface MemberStatus {
  readonly id: number;
  readonly name: string;
  readonly role: MemberRole;
  readonly standing: MemberStanding;
  readonly clientUrl: string;
  readonly peerUrl: string;
  /** Log indices. `durable`: synced to its disk. */
  readonly applied: number | null;
  readonly commit: number | null;
  readonly durable: number | null;
  /** Process id on its machine. */
  readonly pid: number | null;
  /** Below its low-space watermark. Null: not known. */
  readonly diskLow: boolean | null;
}

export interface ClusterStatus {
  readonly clusterId: string;
  readonly term: number;
  readonly leader: number | null;
  readonly revision: number;
  /** The member that answers has heard from a leader lately. */
  readonly hasQuorum: boolean;
  /** Grows with each restore from a backup. */
  readonly incarnation: number;
  /** The newest commands that all members know, and that are proposed therefore. */
  readonly level: number;
  /** The leader answers linearizable reads from its lease: what the configuration in force says. */
  readonly leaseReads: boolean;
  readonly members: readonly MemberStatus[];
}

export interface StatusMessage {
  readonly type: 'status';
  readonly id: number;
  readonly status: ClusterStatus;
}

/** Sent when the leader or the set of members changed. */
export interface MembersChanged {
  readonly type: 'membersChanged';
  readonly leaderId: number | null;
  readonly members: readonly MemberAddress[];
}

/** The last message of a connection that the member closes: why, and how long to wait before the same member is tried again. */
export interface Goodbye {
  readonly type: 'goodbye';
  readonly error: ErrorBody;
  readonly retryAfterMs: number | null;
}

const url = text('URL', wireLimits.maxUrlBytes);
const logIndex = nullable(integer('log index', 0));

export const memberStatus: Structure<MemberStatus> = structure<MemberStatus>('MemberStatus', {
  id: memberId,
  name: text('name', wireLimits.maxNameBytes),
  role: choice<MemberRole>('role', { leader: 0, follower: 1, candidate: 2, learner: 3, unreachable: 4 }),
  standing: choice<MemberStanding>('standing', { voter: 0, learner: 1, joining: 2, leaving: 3 }),
  clientUrl: url,
  peerUrl: url,
  applied: logIndex,
  commit: logIndex,
  durable: logIndex,
  pid: nullable(integer('pid', 1)),
  diskLow: nullable(boolean),
});

export const clusterStatus: Structure<ClusterStatus> = structure<ClusterStatus>('ClusterStatus', {
  clusterId,
  term: integer('term', 0),
  leader: nullable(memberId),
  revision: shared.revision,
  hasQuorum: boolean,
  incarnation: integer('incarnation', 1),
  level: integer('level', 1, 0xffff),
  leaseReads: boolean,
  members: list(memberStatus, wireLimits.maxMembers),
});

export const statusRequestCase: CaseTable<StatusRequest, 'type'> = { tag: 10, fields: { id: requestId } };

export const transferLeaderCase: CaseTable<TransferLeader, 'type'> = {
  tag: 11,
  fields: { id: requestId, to: nullable(memberId) },
};

export const transferredCase: CaseTable<Transferred, 'type'> = {
  tag: 81,
  fields: { id: requestId, leaderId: memberId },
};

export const statusCase: CaseTable<StatusMessage, 'type'> = {
  tag: 77,
  fields: { id: requestId, status: clusterStatus },
};

export const membersChangedCase: CaseTable<MembersChanged, 'type'> = {
  tag: 78,
  fields: { leaderId: nullable(memberId), members: list(memberAddress, wireLimits.maxMembers) },
};

export const goodbyeCase: CaseTable<Goodbye, 'type'> = {
  tag: 79,
  fields: { error: errorBody, retryAfterMs: nullable(integer('ms', 0)) },
};
