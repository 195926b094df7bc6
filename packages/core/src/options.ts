import { assert } from './assertion.ts';
import type { MemberId, Millis } from './types.ts';

/** Times and bounds of one member. All members of a cluster are meant to have the same times. */
export interface RaftOptions {
  readonly id: MemberId;
  /** A follower that hears of no leader for this long, and up to twice as long at random, asks for votes. */
  readonly electionMs: Millis;
  readonly heartbeatMs: Millis;
  /** Entries of one append message; a single larger entry goes alone. */
  readonly maxAppendBytes: number;
  /** Appends on the way to one peer that it has not acknowledged. */
  readonly maxInflightAppends: number;
  readonly maxInflightBytes: number;
  /**
   * Entries of the leader that are not committed, or not durable or applied there yet; beyond it proposals are refused as overloaded.
   * Followers alone can commit: without the other two a leader whose disk or state machine stalls would fill its memory. A follower that
   * has more committed than applied takes no further entries.
   */
  readonly maxUnappliedBytes: number;
  readonly maxUnappliedEntries: number;
  /** Applied entries kept in memory for followers that are a little behind; older ones are loaded from the storage. */
  readonly maxLogWindowBytes: number;
  /** Reads that wait for a confirmation of leadership; beyond it they are refused as overloaded. */
  readonly maxWaitingReads: number;
  /** Confirmation rounds under way at once. Reads that come meanwhile share the next one. */
  readonly maxReadRounds: number;
  /** What stays of the log behind a checkpoint, for followers that lag: at most so many entries, and so many bytes. */
  readonly keptLogEntries: number;
  readonly keptLogBytes: number;
  /** What stays of it beyond that, for peers that are there and lag. */
  readonly keptForPeersBytes: number;
  /**
   * The same for peers that are being sent a snapshot, or catch up behind it, if the disk has as much to spare. What is written from the beginning of
   * a snapshot until its receiver has loaded it must fit, or the next one is due at once, without end.
   */
  readonly keptForSnapshotsBytes: number;
  /** A snapshot of which neither progress nor an end was reported for this long counts as failed. */
  readonly snapshotDeadlineMs: Millis;
  /** Largest deviation of any member's clock rate from true time; leases are shorter by it. A wrong one means stale lease reads. */
  readonly maxClockDrift: number;
  /** Leases end this much earlier still. */
  readonly leaseMarginMs: Millis;
}

export const defaultOptions = {
  electionMs: 1_000,
  heartbeatMs: 100,
  maxAppendBytes: 262_144,
  maxInflightAppends: 64,
  maxInflightBytes: 4_194_304,
  maxUnappliedBytes: 67_108_864,
  maxUnappliedEntries: 262_144,
  maxLogWindowBytes: 33_554_432,
  maxWaitingReads: 100_000,
  maxReadRounds: 16,
  keptLogEntries: 65_536,
  keptLogBytes: 67_108_864,
  keptForPeersBytes: 536_870_912,
  keptForSnapshotsBytes: 4_294_967_296,
  snapshotDeadlineMs: 600_000,
  maxClockDrift: 0.05,
  leaseMarginMs: 10,
} as const;

/** Of one configuration, learners included. Seven voters survive three failures; all further ones only cost. */
export const maxVoters = 9;
export const maxLearners = 32;

/** What the driver may send along with a change of the configuration. */
export const maxContextBytes = 65_536;

/** A leader gets three chances to be heard before a follower gives it up. */
const minHeartbeatsPerElection = 3;

export function checkOptions(options: RaftOptions): void {
  assert(
    Number.isInteger(options.id) && options.id > 0 && options.id < 2 ** 32,
    `member id ${options.id} is no uint32`,
  );
  for (const [name, value] of Object.entries(options)) {
    assert(Number.isFinite(value) && value > 0, `option ${name} is ${value}, and must be a positive number`);
  }
  assert(options.maxClockDrift < 1, `a clock drift of ${options.maxClockDrift} is no clock`);
  assert(
    options.heartbeatMs * minHeartbeatsPerElection <= options.electionMs,
    `electionMs ${options.electionMs} is less than ${minHeartbeatsPerElection} times heartbeatMs ${options.heartbeatMs}`,
  );
}
