/** Every bound and period of the load generator. */
export const bounds = {
  maxConnections: 1_000,
  maxOutstanding: 65_536,
  /** Verification remembers 24 bytes a key. */
  maxKeys: 1_000_000,
  maxValueBytes: 1_048_576,
  maxSeconds: 86_400,
  /** Of an open loop, per second. */
  maxRate: 1_000_000,
  /** A mark of the run and a number: less cannot tell one write from another. */
  minVerifiableBytes: 16,
  /** Writes of unknown outcome that are remembered one by one; the keys of later ones are left out of the verification, and counted. */
  maxRememberedUnknown: 100_000,
  /** A worker whose operation failed waits for so long: a refusal comes at once, and must not turn the loop into a storm. */
  pauseAfterErrorMs: 10,
  /** After the end, operations under way are waited for. What is not answered then counts as unknown. */
  drainMs: 15_000,
  /** Keys are written before reads are measured, by so many at a time on each connection. */
  fillOutstanding: 64,
  /** Keys of one deletion when the run tidies up after itself, and the bytes that they may hold: what one log entry may change is limited. */
  keysPerDeletion: 5_000,
  bytesPerDeletion: 8_388_608,
  tidyTimeoutMs: 30_000,
  progressMs: 1_000,
  /** Entries that one `range` operation asks for. */
  rangeEntries: 100,
  lockTimeoutMs: 30_000,
  verifyTimeoutMs: 60_000,
} as const;
