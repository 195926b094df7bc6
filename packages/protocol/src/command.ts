// What stands in a log entry: a header that the leader writes, and behind it the operation exactly as the client encoded it.
import type { LeaseId } from './operation.ts';

/** Grows when the meaning of an entry changes. A member that meets a version it does not know stops. */
export const commandVersion = 1;

/** How a command is recognised when it comes again. */
export type Identity =
  /** `(session, sequence)`: exactly once while the session lives. Every sequence below `acknowledgedBelow` was answered and may be forgotten. */
  | { readonly by: 'session'; readonly session: LeaseId; readonly sequence: number; readonly acknowledgedBelow: number }
  /** For callers without a session: exactly once within `limits.idempotencyTtlMs`. */
  | { readonly by: 'key'; readonly key: Uint8Array }
  /** The leader's own commands and those whose repetition does no harm. */
  | { readonly by: 'none' };

export interface CommandHeader {
  readonly version: number;
  /** Cluster time in milliseconds: never goes back along the log, passes only while there is a leader. Decides. */
  readonly clusterTimeMs: number;
  /** The proposing leader's wall clock, milliseconds since 1970. For people to read; decides nothing. */
  readonly wallTimeMs: number;
  readonly identity: Identity;
  /** Who did it: the client's word until there is authentication. At most `limits.maxAuthorBytes`. */
  readonly author: string | null;
  /** Why. At most `limits.maxReasonBytes`. */
  readonly reason: string | null;
}
