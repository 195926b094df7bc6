/** Every bound of the shell around a member. */
export const bounds = {
  /** Frames between members, which close them at `peerFrameBytes`: a frame near this bound is none of theirs. */
  maxPeerFrameBytes: 67_108_864,
  /**
   * Sent to one peer and not taken by it: above it frames are dropped, and core starts over from what the peer has. More than twice
   * `forwardWindowBytes`: a member that looked first drops no forwards.
   */
  maxPeerBufferedBytes: 16_777_216,
  peerHelloTimeoutMs: 5_000,
  minReconnectMs: 50,
  maxReconnectMs: 1_000,
  /** A link between members on which nothing at all has come for this long is dead, and dialled again. */
  peerPingIntervalMs: 1_000,
  peerSilenceMs: 5_000,
  /** A connection may be this slow: until what was sent over it can have arrived, its silence means nothing. Of members and clients. */
  minSendBytesPerSecond: 131_072,
  /** No more than this is taken to be under way on one connection, whatever the other side says it has not got. */
  maxUnderWayBytes: 16_777_216,
  maxClientConnections: 12_000,
  /** Request line and headers of the upgrade. */
  headersTimeoutMs: 5_000,
  /** The same for clients. */
  clientPingIntervalMs: 10_000,
  clientSilenceMs: 20_000,
  /** Values read from the state store and kept in memory. */
  valueCacheBytes: 67_108_864,
  /** Given to connections to take what was sent to them, when the member stops. */
  closeTimeoutMs: 1_000,
  /** Given to another member to take leadership over, when this one is to stop: then it stops as it is. */
  handOverTimeoutMs: 2_000,
} as const;
