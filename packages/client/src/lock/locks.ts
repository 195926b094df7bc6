import type { LockAcquire, LockName } from '@conclave/protocol';
import { type CallOptions, waitingFor } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { ConclaveError } from '../error.ts';
import { coreOf, type Session } from '../session/session.ts';
import type { SessionCore } from '../session/session-core.ts';
import { toText } from '../text.ts';
import { Acquire } from './acquire.ts';
import type { Hold } from './hold.ts';
import { HeldHandle, type Lock } from './lock.ts';

export interface LockOptions extends CallOptions {
  /** It hangs on this session. Without one, on the client's own. */
  readonly session?: Session;
  /** It hangs on the client's session of this ttl: so long after this process stopped the next one gets it. */
  readonly ttlMs?: number;
  /** After a disorderly end of this hold nobody is granted for so long. */
  readonly lockDelayMs?: number;
}

export interface AcquireRequest {
  readonly what: string;
  readonly name: LockName;
  readonly wait: boolean;
  readonly value: Uint8Array | null;
}

/** Waits for the hold, or null when it is refused. Without `timeoutMs` it waits for ever. */
export async function obtain(core: ClientCore, request: AcquireRequest, options: LockOptions): Promise<Hold | null> {
  const { lockDelayMs = 0, session, ttlMs } = options;
  if (session !== undefined && ttlMs !== undefined) {
    throw new ConclaveError('INVALID_ARGUMENT', 'session and ttlMs: the session has a ttl already');
  }
  const { name, value, wait, what } = request;
  const operation: LockAcquire = { type: 'lockAcquire', name, wait, value, lockDelayMs };
  const waiting = waitingFor(core, options, wait ? Number.POSITIVE_INFINITY : undefined);
  for (;;) {
    core.check();
    const owner = session === undefined ? core.sessions.own(ttlMs) : coreOf(core, session);
    const acquisition = await attempt(core, owner, what, operation, waiting).catch((error: unknown) => {
      // The client's own session ended while it waited; the next one waits on, at the end of the queue.
      if (session === undefined && owner.isFinal && ConclaveError.is(error, 'SESSION_EXPIRED')) return 'again' as const;
      throw error;
    });
    if (acquisition === 'refused') return null;
    if (acquisition !== 'again') return acquisition.hold;
  }
}

async function attempt(
  core: ClientCore,
  owner: SessionCore,
  what: string,
  operation: LockAcquire,
  waiting: ReturnType<typeof waitingFor>,
): ReturnType<Acquire['run']> {
  return new Acquire(core.environment, core.exchange, owner, what, operation, waiting).run();
}

export async function acquireLock(
  core: ClientCore,
  name: Uint8Array,
  wait: boolean,
  options: LockOptions,
): Promise<Lock | null> {
  const shown = toText(name);
  const what = `lock ${shown}`;
  const hold = await obtain(core, { what, name: { kind: 'lock', name }, wait, value: null }, options);
  return hold === null ? null : new HeldHandle(core.environment, hold, shown, () => core.check());
}
