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
   * Followers alone can commit: without the other two a leader whose disk or state machine stalls would fill its memory.
   */
  readonly maxUnappliedBytes: number;
  /** Applied entries kept in memory for followers that are a little behind; older ones are loaded from the storage. */
  readonly maxLogWindowBytes: number;
  /** Reads that wait for a confirmation of leadership; beyond it they are refused as overloaded. */
  readonly maxWaitingReads: number;
  /** Confirmation rounds under way at once. Reads that come meanwhile share the next one. */
  readonly maxReadRounds: number;
}

export const defaultOptions = {
  electionMs: 1_000,
  heartbeatMs: 100,
  maxAppendBytes: 262_144,
  maxInflightAppends: 64,
  maxInflightBytes: 4_194_304,
  maxUnappliedBytes: 67_108_864,
  maxLogWindowBytes: 33_554_432,
  maxWaitingReads: 100_000,
  maxReadRounds: 16,
} as const;

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
  assert(
    options.heartbeatMs * minHeartbeatsPerElection <= options.electionMs,
    `electionMs ${options.electionMs} is less than ${minHeartbeatsPerElection} times heartbeatMs ${options.heartbeatMs}`,
  );
}
