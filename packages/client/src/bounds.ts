/** Every bound and period of the SDK in one place; those of the wire stand in the protocol package. */
export const bounds = {
  /** Requests, and their bytes, that wait for a connection or for room in the member's window. Beyond: OVERLOADED. */
  maxQueuedRequests: 16_384,
  maxQueuedBytes: 67_108_864,
  /** A call without a `timeoutMs` of its own. Waiting for a lock has none. */
  requestTimeoutMs: 30_000,
  /** Left for the answer of a member that could not do something within the time that it was told. */
  answerMarginMs: 500,
  /** `connect` without a `timeoutMs`. */
  connectTimeoutMs: 10_000,
  /** Full jitter: an attempt waits a random part of base * 2^n, of at most the cap. */
  backoffBaseMs: 25,
  backoffCapMs: 2_000,
  /** A connection that lasted so long was a good one: the next attempt does not wait. */
  stableConnectionMs: 1_000,
  /** A member that answers nothing for so long is left; less when a session of a shorter ttl is at stake. */
  patienceMs: 5_000,
  minPatienceMs: 250,
  /** For its welcome while others could be tried; twice as long each time, so that a slow network soon has enough. */
  firstPatienceMs: 1_000,
  /** Orderly ends of sessions are waited for when the client is closed. */
  closeTimeoutMs: 2_000,
  /** The client's own session. */
  defaultSessionTtlMs: 15_000,
  /** Taken off a deadline beside one hundredth: what the clocks of both sides round, and a turn of the event loop. */
  driftConstantMs: 20,
  /** The watchdog looks at least this often, and at least every fiftieth of the shortest ttl. */
  watchdogMs: 100,
  minWatchdogMs: 10,
  /** Bytes of events that one watch buffers until the application has taken them. */
  watchBufferBytes: 1_048_576,
  /** A quiet watch learns this often how far the cluster is. */
  watchProgressMs: 5_000,
  /** A mirror's keys, values and what it takes to hold them, without a `maxBytes` of its own. Beyond: LIMIT_EXCEEDED. */
  mirrorBytes: 67_108_864,
  /** What JavaScript adds to one mirrored entry: measured 520 to 540, for values of 0 to 1,000 bytes. */
  mirrorEntryBytes: 530,
  /** A quiet mirror learns this often how far the cluster is. */
  mirrorProgressMs: 1_000,
  /** How soon history without an end of its own says that there is no more of it. */
  historyProgressMs: 100,
  /** How long `config` waits for the cluster before it begins with what is in its cache. */
  cacheAfterMs: 1_000,
  /** Handles of one lock that one owner has at a time. */
  maxReentries: 65_536,
  /** Attempts of `config.update` against other writers, before it gives up. */
  maxUpdateAttempts: 100,
} as const;
