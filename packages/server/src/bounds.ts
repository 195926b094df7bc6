/** Every bound of the shell around a member. */
export const bounds = {
  /** Frames between members: a flush of one lane, several appends at once. */
  maxPeerFrameBytes: 67_108_864,
  /** Sent to one peer and not taken by it: above it frames are dropped, and core starts over from what the peer has. */
  maxPeerBufferedBytes: 16_777_216,
  peerHelloTimeoutMs: 5_000,
  minReconnectMs: 50,
  maxReconnectMs: 1_000,
  /** A link to a peer is asked for a sign of life this often. */
  peerPingIntervalMs: 1_500,
  /** So many of them unanswered, and the link is dead, and with the control lane's all lanes to that peer. */
  maxUnansweredPings: { control: 3, bulk: 40, snapshot: 40 },
  maxClientConnections: 12_000,
  /** Request line and headers of the upgrade. */
  headersTimeoutMs: 5_000,
  /** Connections that answer no ping within this time are closed. */
  clientPingIntervalMs: 10_000,
  /** Values read from the state store and kept in memory. */
  valueCacheBytes: 67_108_864,
  /** Given to connections to take what was sent to them, when the member stops. */
  closeTimeoutMs: 1_000,
} as const;
