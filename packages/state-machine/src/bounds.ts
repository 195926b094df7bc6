// The bounds of the state that are not already in the protocol's `limits`. They decide what is applied: changing one is a new command
// version. (What a client may send is checked by the protocol when it decodes the operation.)
import { limits } from '@conclave/protocol';

/** What an entry, an event or a result weighs beside its key and values: numbers, lengths, tags; generous. */
export const overheadBytes = 64;

/**
 * A value that an election publishes. Small, because the end of a session writes the successor's value of each election that it led,
 * and all of them must fit into one entry's events.
 */
export const maxElectionValueBytes = 4_096;

/** Of an answer, beside the keys and values in it. */
const resultOverheadBytes = 65_536;

/** Previous entries in one answer; above it the command is refused and nothing is changed. */
export const maxPreviousBytes: number = limits.maxRangeBytes + resultOverheadBytes;

/** All ranges of one transaction together, when no previous entries take room. A range that finds none left says `more`. */
export const maxTxnAnswerBytes: number = limits.maxResponseBytes - resultOverheadBytes;

/** Answers above it are counted against what a session may have remembered; smaller ones are bounded by the window. */
export const smallResponseBytes = 256;

/** Answers remembered whole for one session, together. Beyond it only outcome and revision are. */
export const maxRememberedBytesPerSession = 1_048_576;

/** An answer remembered whole for an idempotency key: there may be `limits.maxIdempotencyKeys` of them. */
export const maxKeyedResponseBytes = 4_096;

/** Expired idempotency keys removed by one entry; more than the one that it may add. */
export const maxEvictionsPerEntry = 64;

/** What an acquire counts towards `limits.maxChangesPerEntry` of its session: the hold, and for an election the key it publishes. */
export const lockWeight = 1;
export const electionWeight = 2;

/** Holders that are told when somebody begins to wait; if there are more, none is. */
export const maxContendedTold = 64;

/** Requests looked at in search of a deadlock, by the entry that may close one. Beyond it the request waits like any other. */
export const maxDeadlockSteps = 10_000;
