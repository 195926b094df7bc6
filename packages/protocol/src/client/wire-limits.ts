/** Bounds of one connection between a client and a member. Like `limits`, they belong to the protocol version. */
export const wireLimits = {
  /** A frame of a client: the largest operation fits, and 1,024 small ones. */
  maxClientFrameBytes: 2_097_152,
  /** A frame of a member: the largest result fits beside a fragment of events. */
  maxMemberFrameBytes: 4_194_304,
  maxFrameMessages: 1_024,
  /** What a `mutate` or `query` adds to the bytes of its operation: identity, reason and numbers, rounded up. */
  maxRequestOverheadBytes: 1_024,
  sessionSecretBytes: 16,
  /** Sessions that one connection carries, and leases that one keepalive renews. */
  maxSessionsPerConnection: 256,
  maxLeasesPerKeepalive: 1_024,
  /** Holds that one keepalive asks about. */
  maxHoldsPerKeepalive: 1_024,
  maxWatchesPerConnection: 4_096,
  maxSelectorsPerWatch: 64,
  minProgressMs: 100,
  maxProgressMs: 600_000,
  /** Events or entries travel in pieces of at most so many bytes; a larger revision in several. */
  maxEventFragmentBytes: 1_048_576,
  /** The pieces of one revision, joined: `limits.maxEventBytesPerEntry` twice, with what was there before, and the rest of the encoding. */
  maxRevisionBytes: 37_748_736,
  maxSnapshotChunkEntries: 10_000,
  /** One chunk of a backup. */
  maxBackupChunkBytes: 262_144,
  /** Flow control: what a watch may have outstanding. */
  maxCreditBytes: 67_108_864,
  maxDeadlineMs: 3_600_000,
  maxFeatures: 64,
  maxNameBytes: 128,
  maxUrlBytes: 512,
  maxMembers: 64,
  maxErrorMessageBytes: 2_048,
  maxErrorDetailsBytes: 1_024,
} as const;
