import type { ClusterStatus, MemberAddress } from '@conclave/protocol';
import type { Backups } from '../backup/backups.ts';
import type { Clock, Logger, Timers } from '../environment.ts';
import type { Renewals } from '../lease/renewals.ts';
import type { Commands } from '../level.ts';
import type { Mutations } from '../mutations.ts';
import type { Queries } from '../queries.ts';
import type { WatchClient } from '../watch/watch-client.ts';
import type { Attachments } from './attachments.ts';
import type { ClientConnection } from './connection.ts';
import type { Dispatch } from './dispatch.ts';
import type { Keepalives } from './keepalives.ts';
import type { Outbox } from './outbox.ts';
import type { SessionClaims } from './session-claims.ts';

/** The cluster as the welcome describes it. */
export interface ClusterView {
  readonly clusterId: string;
  readonly incarnation: number;
  readonly memberId: number;
  readonly leaderId: number | null;
  readonly members: readonly MemberAddress[];
  readonly revision: number;
}

/** What a connection needs of its member. */
export interface ClientServices {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly dispatch: Dispatch;
  readonly log: Logger;
  readonly hash: (bytes: Uint8Array) => Uint8Array;
  readonly mutations: Mutations;
  readonly queries: Queries;
  readonly renewals: Renewals;
  readonly keepalives: Keepalives;
  readonly attachments: Attachments;
  readonly claims: SessionClaims;
  readonly backups: Backups;
  readonly commands: Commands;
  /** Of the cluster. */
  level(): number;
  watches(outbox: Outbox): WatchClient;
  cluster(): ClusterView;
  status(): ClusterStatus;
  /** Resolves to the new leader; rejects with TransferError. */
  transferLeader(to: number | null): Promise<number>;
  /** How long ago a leader was last heard of. */
  stalenessMs(): number;
  connectionClosed(connection: ClientConnection): void;
  /** A defect, or damage: this member must not go on. */
  failed(error: Error): void;
}
