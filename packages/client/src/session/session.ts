import type { ClientCore } from '../client-core.ts';
import type { Unsubscribe } from '../emitter.ts';
import { ConclaveError } from '../error.ts';
import type { SessionCore } from './session-core.ts';
import type { SessionEvents, SessionState } from './session-state.ts';

/** A life at the cluster: locks and keys hang on it, and end when it ends. Kept alive by itself, over every connection. */
export interface Session extends AsyncDisposable {
  readonly id: number;
  readonly ttlMs: number;
  readonly state: SessionState;
  /** Aborts at the local deadline, which is before the cluster may expire it. Its reason is a ConclaveError. */
  readonly signal: AbortSignal;
  /** Until the local deadline, if nothing more is confirmed. 0 when it is over. */
  remainingMs(): number;
  on<E extends keyof SessionEvents>(event: E, listener: (...values: SessionEvents[E]) => void): Unsubscribe;
  /** Releases its locks and deletes its keys, at one revision. */
  close(): Promise<void>;
}

const cores = new WeakMap<Session, { readonly client: ClientCore; readonly core: SessionCore }>();

export async function openSession(core: ClientCore, session: SessionCore): Promise<Session> {
  await session.open();
  return new SessionHandle(core, session);
}

export function coreOf(client: ClientCore, session: Session): SessionCore {
  const known = cores.get(session);
  if (known?.client === client) return known.core;
  throw new ConclaveError('INVALID_ARGUMENT', 'session: it is not one of this client');
}

class SessionHandle implements Session {
  readonly id: number;
  readonly #client: ClientCore;
  readonly #core: SessionCore;

  constructor(client: ClientCore, core: SessionCore) {
    this.#client = client;
    this.#core = core;
    this.id = core.id ?? 0;
    cores.set(this, { client, core });
  }

  get ttlMs(): number {
    return this.#core.ttlMs;
  }

  get state(): SessionState {
    this.#client.check();
    return this.#core.state;
  }

  get signal(): AbortSignal {
    return this.#core.signal;
  }

  remainingMs(): number {
    this.#client.check();
    return this.#core.remainingMs(this.#client.environment.clock.nowMs());
  }

  on<E extends keyof SessionEvents>(event: E, listener: (...values: SessionEvents[E]) => void): Unsubscribe {
    return this.#core.events.on(event, listener);
  }

  async close(): Promise<void> {
    await this.#core.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
