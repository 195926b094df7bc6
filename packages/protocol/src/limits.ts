/**
 * Every bound of what a client may send and of what the replicated state may hold, in one place. They belong to the protocol: a member
 * that applied a command under other limits than the rest would have another state. Changing one is a new protocol version.
 */
export const limits = {
  maxKeyBytes: 4_096,
  maxValueBytes: 1_048_576,
  /** One encoded operation; a transaction's keys and values together. */
  maxOperationBytes: 1_572_864,
  /** `then` and `else` together: both are sent, logged and checked. */
  maxTxnOperations: 1_024,
  maxTxnCompares: 1_024,
  /** Keys and holds that one entry may change: a range delete, the end of a lease. Enforced where keys are attached, too. */
  maxChangesPerEntry: 10_000,
  /** Bytes of events of one entry. */
  maxEventBytesPerEntry: 16_777_216,
  /** One answer of a range; the rest comes with the next request. */
  maxRangeEntries: 10_000,
  maxRangeBytes: 1_048_576,
  /** One encoded result: a full range with its overhead fits. A transaction or a delete that would answer more is refused, TOO_LARGE. */
  maxResponseBytes: 2_097_152,
  /** Leases or locks in one answer of a list. */
  maxListEntries: 1_000,
  minTtlMs: 1_000,
  maxTtlMs: 300_000,
  maxLockNameBytes: 1_024,
  maxLockDelayMs: 60_000,
  /** Requests that wait for locks, in the whole cluster. */
  maxWaitingRequests: 100_000,
  /** Holds that have ended in disorder and whose places are kept: above it nothing is broken or revoked that would add one. */
  maxDelayedHolds: 100_000,
  /** Locks in one acquire. */
  maxLockClaims: 64,
  /** Holds that one acquire names as kept while it waits. */
  maxKeptHolds: 64,
  /** Of one semaphore. */
  maxPermits: 1_000_000,
  /** Holds that have ended are remembered for people: so many of one lock, of so many locks. */
  maxPastHolds: 8,
  maxPastLocks: 1_024,
  /** Requests for one lock, those that wait and those that hold. */
  maxLockQueue: 10_000,
  /** Mutations of one session that are not answered yet: the window above `acknowledgedBelow`. */
  maxSessionWindow: 1_024,
  /** Answers up to this size are remembered whole; of a larger one only that it was applied, and at which revision. */
  maxRememberedResponseBytes: 65_536,
  maxSessions: 200_000,
  /** Of whose remaining time one entry takes note. */
  maxLeasesPerCheckpoint: 4_096,
  /** SHA-256 of the session's secret. */
  sessionSecretHashBytes: 32,
  maxSessionMetadataBytes: 1_024,
  /** What one connection carries is taken over in one entry. */
  maxSessionsPerAttach: 256,
  maxIdempotencyKeyBytes: 128,
  maxIdempotencyKeys: 100_000,
  /** Above those, for what gives room back: the end of a hold, a lease or a session, a compaction. */
  reservedIdempotencyKeys: 1_024,
  idempotencyTtlMs: 600_000,
  /** Of the cluster: those that are to vote, and those that only receive the log. */
  maxVoters: 9,
  maxLearners: 32,
  /** Of removed members so many are remembered by name and address; of older ones only that their ids were given out. */
  maxRemovedMembers: 64,
  maxMemberNameBytes: 128,
  maxMemberUrlBytes: 512,
  /** SHA-256 of the secret in a join token. */
  joinSecretHashBytes: 32,
  maxAuthorBytes: 128,
  maxReasonBytes: 512,
} as const;
