// What stands in a log entry: a header that the leader writes, and behind it the operation exactly as the client encoded it.
import type { LeaseId, Mutation } from './operation.ts';

/**
 * The newest commands that this release knows: grows when the meaning of an entry changes, or a new kind of it comes. A member that meets
 * a newer one stops. So nothing newer than the cluster's level is proposed, and that rises only when all members know it.
 */
export const commandVersion = 2;

/** Kinds of mutations that came after the first release, and with which version. */
const since: Readonly<Partial<Record<Mutation['type'], number>>> = { lockConvert: 2 };

/** The level that a cluster must have for a mutation to be proposed. */
export function levelOf(type: Mutation['type']): number {
  return since[type] ?? 1;
}

/** How a command is recognised when it comes again. */
export type Identity =
  /**
   * `(session, sequence)`: exactly once while the session lives. Every sequence below `acknowledgedBelow` was answered and may be forgotten.
   * `epoch`: of the connection that it came over; behind a resumption with a larger one it is not applied any more.
   */
  | {
      readonly by: 'session';
      readonly session: LeaseId;
      readonly sequence: number;
      readonly acknowledgedBelow: number;
      readonly epoch: number;
    }
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
