import { bounds } from './bounds.ts';
import type { ClientCore } from './client-core.ts';
import { ConclaveError } from './error.ts';
import type { Waiting } from './exchange/exchange.ts';

/** Last argument of every call. */
export interface CallOptions {
  /** Ends the waiting. What has left for the cluster may take effect all the same: the error's `outcome` says so. */
  readonly signal?: AbortSignal;
  /** For the call as a whole, with every attempt in it. 30 s, where nothing else is said. */
  readonly timeoutMs?: number;
}

export interface WriteOptions extends CallOptions {
  /** Why: kept with the revision, for people. */
  readonly reason?: string;
}

export function waitingFor(
  core: ClientCore,
  { signal, timeoutMs }: CallOptions,
  otherwiseMs: number = bounds.requestTimeoutMs,
): Waiting {
  const limitMs = timeoutMs ?? otherwiseMs;
  if (Number.isNaN(limitMs) || limitMs < 0) {
    throw new ConclaveError('INVALID_ARGUMENT', `timeoutMs: ${limitMs}, it must not be negative`);
  }
  return { deadlineMs: core.environment.clock.nowMs() + limitMs, signal };
}
