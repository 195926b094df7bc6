import type { MemberId } from '@conclave/core';
import { limits } from '@conclave/protocol';
import type { Commands } from './level.ts';

/** A member as the others and the clients find it. */
export interface MemberAddress {
  readonly id: MemberId;
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

export interface MemberSettings {
  readonly id: MemberId;
  readonly clusterId: string;
  /** As the command line names them, this one included. Before the cluster's own record of them is known, they are the members. */
  readonly members: readonly MemberAddress[];
  /** Where this process listens for peers, when its command line says so: it tells them. Null: where the cluster's record says. */
  readonly peerUrl: string | null;
  /** Of the token by which this member joins; shown to whoever it meets. Null: a founding member. */
  readonly joinSecret: Uint8Array | null;
  readonly electionMs: number;
  readonly heartbeatMs: number;
  /** What stays of the log behind a checkpoint for members that lag; further behind they get a snapshot. Core's defaults if not given. */
  readonly keptLog?: { readonly entries: number; readonly bytes: number };
  /** How leases are checkpointed, unless a test says otherwise. */
  readonly leaseCheckpoints?: CheckpointPace;
  /** What this release knows, unless a test says otherwise. */
  readonly commands?: Commands;
  /** Process id, shown in the status. Null where there is none. */
  readonly pid: number | null;
}

/** Of which leases a leader notes in the log what is left of their time, and how often (docs/decisions/lease-checkpoints.md). */
export interface CheckpointPace {
  /** Those with a longer ttl. Shorter ones are over before it matters. */
  readonly aboveTtlMs: number;
  /** While leaders change often. In quiet times: when half of the ttl has passed without a renewal. */
  readonly everyMs: number;
  /** In quiet times are we after an office that lasted so long. */
  readonly quietAfterMs: number;
}

export const defaultCheckpointPace: CheckpointPace = {
  aboveTtlMs: 60_000,
  everyMs: 10_000,
  quietAfterMs: limits.maxTtlMs,
};

/** Every bound of a member, in one place; those of the wire and of the replicated state stand in the protocol package. */
export const bounds = {
  /** Inputs stepped before an output is taken. */
  maxInputsPerTurn: 4_096,
  /** Mutations proposed in one turn, taken from the connections in turn. */
  maxProposalsPerTurn: 1_024,
  /** And so many bytes of them; the last may go beyond it. */
  maxProposedBytesPerTurn: 4_194_304,
  /** Applying yields to everything else after this time. */
  maxApplySliceMs: 4,
  /** Entries between two looks at the clock while applying. */
  applyBatchEntries: 64,
  /** Mutations that wait for a leader, or for their entry to be applied. Beyond it clients are told `OVERLOADED`. */
  maxPendingMutations: 65_536,
  maxPendingMutationBytes: 268_435_456,
  maxPendingQueries: 65_536,
  /** A frame to a member is closed when it holds so much: one message may go beyond it. Far below what a receiver takes. */
  peerFrameBytes: 262_144,
  /** Mutations that were passed on to the leader and not answered, the last of which may go beyond it: as much as core has under way in appends. */
  forwardWindowBytes: 4_194_304,
  /** A mutation that was passed on, and of which the leader says nothing for so long after it can have arrived, is passed on again. */
  forwardPatienceMs: 3_000,
  /** A link may be this slow, and what was sent over it is not lost. */
  minForwardBytesPerSecond: 131_072,
  /** A renewal that was passed on and not answered for so long counts as not confirmed. */
  renewalPatienceMs: 3_000,
  /** Keepalives that arrive within this time are passed on together. Far below a tenth of the shortest ttl, and none of it is lost: both sides count from before or after it. */
  keepaliveGatherMs: 10,
  /** A keepalive that was confirmed waits so long for this member's state to be new enough to say what is held. */
  holdsPatienceMs: 100,
  /** Leases that one message asks a leader to renew. */
  maxLeasesPerRenewal: 16_384,
  /** What one client may have unanswered; its socket is not read above it. */
  windowRequests: 4_096,
  windowBytes: 8_388_608,
  /** Bytes that one client has not taken: above it its watches wait, and far above it the connection is closed. */
  maxClientBufferedBytes: 4_194_304,
  maxClientBacklogBytes: 67_108_864,
  /** A request without a deadline of its own is given up after this time. */
  defaultDeadlineMs: 30_000,
  /** The first frame must come within this time. */
  helloTimeoutMs: 5_000,
  /** A checkpoint is taken when this much has been applied since the last one, or after this time. */
  checkpointBytes: 262_144,
  checkpointIntervalMs: 500,
  /** Chunks of a snapshot on the way to one member that it has not taken. */
  snapshotWindowChunks: 4,
  /** Between two chunks: 25 MB/s, beside which the log's own writes keep their latency (docs/durability.md). */
  snapshotChunkIntervalMs: 10,
  /** Nothing heard of a receiver for so long: it is asked where it is. And for so long: it is given up, and tried again later. */
  snapshotRepeatMs: 1_000,
  snapshotPatienceMs: 15_000,
  /** Core hears at most this often that a receiver has taken more of a snapshot: so far it waits for the rest. */
  snapshotReportMs: 1_000,
  /**
   * Before a member is offered another snapshot, whether it could not take the last one or needs a newer one already: making one costs the leader
   * something each time. Doubled each time, up to the second number; a new connection, and as much time without any need, begin anew.
   */
  snapshotRetryMs: 5_000,
  snapshotMaxRetryMs: 60_000,
  /** Between two looks at how much room the disk has. */
  spaceLookMs: 1_000,
  /** A leader whose disk is low tries to hand over at most this often: one that stays has a reason, and a hand-over makes writes wait. */
  spaceHandOverMs: 10_000,
  /** Expiries proposed in one second. The limit spreads them; it never stops them. */
  maxExpiriesPerSecond: 1_000,
  /** It is reported when this share of all leases, and at least so many, end within this time. */
  expiryAlarmShare: 0.2,
  minExpiriesForAlarm: 20,
  expiryAlarmWindowMs: 10_000,
  /** Leases of whose remaining time the leader takes note in one second, at most. */
  maxLeasesCheckpointedPerSecond: 1_000,
  /** Bytes of events that are sent to one watch from history in one turn. */
  historyPageBytes: 262_144,
  /** Watches that catch up from history in one turn. */
  maxCatchUpsPerTurn: 16,
} as const;
