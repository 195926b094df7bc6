import type { LockAcquire, LockClaim } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import { type CallOptions, waitingFor } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { ConclaveError } from '../error.ts';
import { coreOf, type Session } from '../session/session.ts';
import type { SessionCore } from '../session/session-core.ts';
import { toText } from '../text.ts';
import { Acquire } from './acquire.ts';
import type { Hold } from './hold.ts';
import { type Held, HeldHandle, keptBy, type Lock } from './lock.ts';
import { enter } from './reentrant.ts';
import { type LockMode, type SingleLock, SingleLockHandle } from './single-lock.ts';

export interface HoldOptions extends CallOptions {
  /** It hangs on this session. Without one, on the client's own. */
  readonly session?: Session;
  /** It hangs on the client's session of this ttl: so long after this process stopped the next one gets it. */
  readonly ttlMs?: number;
  /** After a disorderly end of this hold nobody is granted what it held for so long. */
  readonly lockDelayMs?: number;
  /**
   * Holds of the same session that the caller does not give back before it has this one. With them the cluster sees when callers wait for
   * each other in a circle, and refuses the last of them with DEADLOCK.
   */
  readonly keeping?: readonly Held[];
}

export interface LockOptions extends HoldOptions {
  /** `shared`: together with others that share it. `exclusive` without a word. */
  readonly mode?: LockMode;
  /**
   * Reentrancy, on request: whoever names the same object has the lock together, in this client and under one session. Asked for again it is there at once, under the same fence, and it
   * is released with the last of its handles. Without it two callers of one process exclude each other like any two.
   */
  readonly owner?: object;
}

export interface AcquireRequest {
  readonly what: string;
  readonly claims: readonly LockClaim[];
  readonly wait: boolean;
  readonly value: Uint8Array | null;
}

/** Waits for the hold, or null when it is refused. Without `timeoutMs` it waits for ever. */
export async function obtain(core: ClientCore, request: AcquireRequest, options: HoldOptions): Promise<Hold | null> {
  const { session, ttlMs } = options;
  if (session !== undefined && ttlMs !== undefined) {
    throw new ConclaveError('INVALID_ARGUMENT', 'session and ttlMs: the session has a ttl already');
  }
  const waiting = waitingFor(core, options, request.wait ? Number.POSITIVE_INFINITY : undefined);
  for (;;) {
    core.check();
    const owner = session === undefined ? core.sessions.own(ttlMs) : coreOf(core, session);
    const operation = operationOf(request, owner, options);
    const acquisition = await attempt(core, owner, request.what, operation, waiting).catch((error: unknown) => {
      // The client's own session ended while it waited; the next one waits on, at the end of the queue.
      if (session === undefined && owner.isFinal && ConclaveError.is(error, 'SESSION_EXPIRED')) return 'again' as const;
      throw error;
    });
    if (acquisition === 'refused') return null;
    if (acquisition !== 'again') return acquisition.hold;
  }
}

function operationOf(
  { claims, value, wait }: AcquireRequest,
  owner: SessionCore,
  { keeping = [], lockDelayMs = 0 }: HoldOptions,
): LockAcquire {
  return { type: 'lockAcquire', claims, wait, value, lockDelayMs, keeping: wait ? keptBy(owner, keeping) : [] };
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
): Promise<SingleLock | null> {
  const { mode = 'exclusive', owner, session, ttlMs } = options;
  const ask = async (): Promise<SingleLock | null> => {
    const { hold, shown } = await obtainLocks(core, [{ name, mode }], wait, options);
    return hold === null ? null : new SingleLockHandle(core, hold, shown, mode);
  };
  if (owner === undefined) return ask();
  const under = session === undefined ? `ttl ${ttlMs ?? bounds.defaultSessionTtlMs}` : `session ${session.id}`;
  return enter(core, owner, `${toText(name)} under ${under}`, mode, wait, options, ask);
}

export interface WantedLock {
  readonly name: Uint8Array;
  readonly mode: LockMode;
}

/** All of them at one revision, or none. */
export async function acquireLocks(
  core: ClientCore,
  wanted: readonly WantedLock[],
  wait: boolean,
  options: HoldOptions,
): Promise<Lock | null> {
  const { hold, shown } = await obtainLocks(core, wanted, wait, options);
  return hold === null ? null : new HeldHandle(core.environment, hold, shown, () => core.check());
}

async function obtainLocks(
  core: ClientCore,
  wanted: readonly WantedLock[],
  wait: boolean,
  options: HoldOptions,
): Promise<{ readonly hold: Hold | null; readonly shown: string }> {
  const shown = wanted.map(({ name }) => toText(name)).join(', ');
  const claims = wanted.map(({ mode, name }): LockClaim => ({ mode, name: { kind: 'lock', name } }));
  const hold = await obtain(core, { what: `lock ${shown}`, claims, wait, value: null }, options);
  return { hold, shown };
}
