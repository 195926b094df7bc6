import type { ConclaveError } from '../error.ts';

/**
 * `jeopardy`: nothing was confirmed for half the ttl; nothing is lost yet. `expired`: its time was up, here or there. `fenced`: it goes on, on
 * somebody else's connection. The last three are final.
 */
export type SessionState = 'active' | 'jeopardy' | 'expired' | 'closed' | 'fenced';

export type SessionEvents = { readonly state: readonly [SessionState, ConclaveError | null] };

export interface SessionOptions {
  readonly ttlMs: number;
  readonly metadata: Readonly<Record<string, string>>;
}
