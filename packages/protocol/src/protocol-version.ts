// Versions of the connection between clients and members. A member speaks every version from `minProtocolVersion` on; hello and
// welcome settle on the highest that both sides know. What makes a new version is not a matter of opinion: a test hashes the schema
// tables, limits and error numbers, and fails when they differ from the last line of this history. Until a version is released its
// line follows the schema; from then on a change is a new line with a new number, and golden bytes of its own.
//
// History: version, hash of its schema, what is new.
// 1 ca297db74c018899 The first.

export const protocolVersion = 1;

/** The oldest version that this code still speaks. */
export const minProtocolVersion = 1;

/** Of the WebSocket handshake. It names the framing; what is inside is negotiated by hello. */
export const subprotocol = 'conclave.v1';

/** The highest version that both ranges hold, or null. */
export function commonVersion(minVersion: number, maxVersion: number): number | null {
  const highest = Math.min(maxVersion, protocolVersion);
  return highest < Math.max(minVersion, minProtocolVersion) ? null : highest;
}
