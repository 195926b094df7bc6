import type { MemberId, Message as RaftMessage } from '@conclave/core';
import type { ErrorCode, Identity, LeaseId } from '@conclave/protocol';
import type { SnapshotMessage } from '../snapshot/message.ts';
import type { TransferRefusal } from '../transfer-refusal.ts';

/** Numbers a request of one member to another, across all lives of the asking member. */
export type PeerRequestId = number;

/** A mutation on its way to the leader. Answered by `proposed` or `declined`; safe to send again, because of its identity. */
export interface Forward {
  readonly type: 'forward';
  readonly request: PeerRequestId;
  readonly identity: Identity;
  readonly author: string | null;
  readonly reason: string | null;
  /** The operation as the client encoded it. */
  readonly operation: Uint8Array;
}

/** It stands in the leader's log; whoever forwarded it sees it applied there, or sees another entry there instead. */
export interface Proposed {
  readonly type: 'proposed';
  readonly request: PeerRequestId;
  readonly index: number;
  readonly term: number;
}

/** It was not proposed, and will not be. */
export interface Declined {
  readonly type: 'declined';
  readonly request: PeerRequestId;
  readonly code: ErrorCode;
}

/** Renewals of leases and sessions, of all clients of the asking member together. */
export interface Renew {
  readonly type: 'renew';
  readonly request: PeerRequestId;
  /** Only how much time they have left: nothing is renewed. */
  readonly looks: boolean;
  readonly leases: readonly LeaseId[];
}

/** Given only after a confirmation of leadership that began later. */
export interface Renewed {
  readonly type: 'renewed';
  readonly request: PeerRequestId;
  /** In the order of the request, or what is left of it; null for a lease that has ended. Null as a whole: leadership could not be confirmed. */
  readonly ttlsMs: readonly (number | null)[] | null;
}

/** How a member stands, told to all others about once a second: from this every member can show the whole cluster. */
export interface Report {
  readonly type: 'report';
  readonly applied: number;
  readonly commit: number;
  readonly durable: number;
  /** Process id; 0 where there is none. */
  readonly pid: number;
  /** The newest commands that it knows. */
  readonly knows: number;
  /** Below its low-space watermark. */
  readonly diskLow: boolean;
}

/** A client of the asking member wants leadership to move. */
export interface HandOver {
  readonly type: 'handOver';
  readonly request: PeerRequestId;
  /** Null: to the voter that lacks least. */
  readonly to: MemberId | null;
}

export interface HandOverEnded {
  readonly type: 'handOverEnded';
  readonly request: PeerRequestId;
  /** Why leadership stayed; null when it has moved. */
  readonly refusal: TransferRefusal | null;
}

export type PeerMessage =
  | { readonly type: 'raft'; readonly message: RaftMessage }
  | Forward
  | Proposed
  | Declined
  | Renew
  | Renewed
  | Report
  | HandOver
  | HandOverEnded
  | SnapshotMessage;
