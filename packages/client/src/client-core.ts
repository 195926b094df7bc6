import {
  type ClientMutation,
  type Consistency,
  decodeResult,
  encodeOperation,
  limits,
  type Query,
  type Result,
  type Revision,
  type Txn,
  type Welcome,
} from '@conclave/protocol';
import { bounds } from './bounds.ts';
import { type CallOptions, type WriteOptions, waitingFor } from './call.ts';
import { Emitter } from './emitter.ts';
import type { Environment, Timers } from './environment.ts';
import { asConclaveError, ConclaveError, clientClosed } from './error.ts';
import { Exchange, type Waiting } from './exchange/exchange.ts';
import type { RequestSpec } from './exchange/request.ts';
import { type ClientState, endError, Link } from './link/link.ts';
import { Vitals } from './link/vitals.ts';
import { onAbort } from './on-abort.ts';
import type { SessionCore } from './session/session-core.ts';
import { Sessions } from './session/sessions.ts';
import { Watches } from './watch/watches.ts';

export interface CoreOptions {
  readonly endpoints: readonly string[];
  readonly author: string | null;
  readonly identity: 'session' | 'idempotency-key';
  readonly metadata: Readonly<Record<string, string>>;
}

export type ClientEvents = { readonly state: readonly [ClientState, ConclaveError | null] };

export interface Read<R> {
  readonly result: R;
  /** How old the answer may be. Null: it is linearizable. */
  readonly stalenessMs: number | null;
}

/** The result of an operation, by its type. */
export type ResultOf<T extends string> = Extract<
  Result,
  { readonly type: T extends 'sessionClose' ? 'leaseRevoke' : T }
>;

/** One idempotency key is as good as a session's sequence, for as long as the cluster remembers it. */
const idempotencyKeyBytes = 16;

/** What all parts of one client share, and all its namespaces. */
export class ClientCore {
  readonly environment: Environment;
  readonly events: Emitter<ClientEvents>;
  readonly link: Link;
  readonly exchange: Exchange;
  readonly sessions: Sessions;
  readonly watches: Watches;
  readonly #identity: CoreOptions['identity'];
  readonly #vitals: Vitals;
  /** The newest state that this client has seen: from no member does it read an older one. */
  #revision: Revision = 0;
  #incarnation = 0;
  #closed: Promise<void> | null = null;

  constructor(real: Environment, options: CoreOptions) {
    const environment = this.#watchful(real);
    this.environment = environment;
    this.#identity = options.identity;
    this.events = new Emitter(environment.report);
    const patienceMs = (): number => this.#patienceMs();
    this.link = new Link(environment, {
      endpoints: options.endpoints,
      author: options.author,
      patienceMs,
      claims: () => this.sessions.claims(),
      arriving: () => this.check(),
      stateChanged: (state, why) => this.events.emit('state', state, why),
    });
    this.exchange = new Exchange(environment, this.link);
    this.sessions = new Sessions(environment, this.link, this.exchange, options.metadata, () =>
      this.#vitals.reschedule(),
    );
    this.watches = new Watches(environment, this.link, (revision) => this.saw(revision));
    this.#vitals = new Vitals(environment, this.link, patienceMs, () => this.#isAtStake());
    this.link.use({ connected: (welcome) => this.#connected(welcome) });
    this.link.use(this.#vitals);
    this.link.use(this.sessions);
    this.link.use(this.exchange);
    this.link.use(this.watches);
  }

  /** After the process stood still, other timers of ours may be called before the watchdog's. Each looks at the clock first. */
  #watchful(environment: Environment): Environment {
    const looking = (run: () => void) => (): void => {
      this.check();
      run();
    };
    const { timers } = environment;
    const after: Timers['after'] = (delayMs, run) => timers.after(delayMs, looking(run));
    return { ...environment, timers: { after, soon: (run) => timers.soon(run) } };
  }

  get isClosed(): boolean {
    return this.#closed !== null;
  }

  get revision(): Revision {
    return this.#revision;
  }

  saw(revision: Revision): void {
    if (revision > this.#revision) this.#revision = revision;
  }

  /** Looks at the clock: whoever's time is up learns it before anything else of ours goes on. */
  check(): void {
    this.sessions.check();
  }

  /** Without waiting for anybody. */
  start(): void {
    this.link.start();
  }

  /** Resolves with the first welcome. */
  async connect({ signal, timeoutMs = bounds.connectTimeoutMs }: CallOptions): Promise<void> {
    const { timers } = this.environment;
    await new Promise<void>((resolve, reject) => {
      const finish = (then: () => void): void => {
        off();
        stop();
        stopListening();
        then();
      };
      const fail = (code: 'CANCELLED' | 'DEADLINE_EXCEEDED', message: string): void => {
        const end = this.link.lastEnd;
        const cause = code === 'CANCELLED' ? signal?.reason : end === null ? undefined : endError(null, end);
        const why = end === null ? '' : ` (${end.reason})`;
        finish(() => reject(new ConclaveError(code, `connect: ${message}${why}`, { cause })));
      };
      const abort = (): void => fail('CANCELLED', "the caller's signal aborted");
      const off = this.events.on('state', (state) => {
        if (state === 'ready') finish(resolve);
        else if (state === 'closed') finish(() => reject(clientClosed()));
      });
      const stop = timers.after(timeoutMs, () => fail('DEADLINE_EXCEEDED', `no member answered in ${timeoutMs} ms`));
      const stopListening = onAbort(signal, abort);
      if (signal?.aborted === true) return abort();
      this.link.start();
    });
  }

  /** Rejects with ConclaveError only. */
  async query<Q extends Query | Txn>(
    what: string,
    operation: Q,
    { consistency = 'linearizable', ...options }: CallOptions & { readonly consistency?: Consistency | undefined },
  ): Promise<Read<ResultOf<Q['type']>>> {
    this.check();
    const encoded = encoding(operation);
    const spec: RequestSpec = {
      what,
      lane: this.exchange.common,
      changes: false,
      repeatable: true,
      bytes: encoded.length,
      message: (id, deadlineMs) => {
        const minRevision = this.#revision;
        return { type: 'query', id, consistency, minRevision, deadlineMs, operation: encoded };
      },
    };
    const { message } = await this.exchange.ask(spec, waitingFor(this, options));
    if (message.type !== 'result') throw new ConclaveError('PROTOCOL', `a query was answered by ${message.type}`);
    return { result: this.#result<Q['type']>(operation, decoded(message.result)), stalenessMs: message.stalenessMs };
  }

  /** Exactly once. Rejects with ConclaveError only. */
  async mutate<M extends ClientMutation>(
    what: string,
    operation: M,
    options: WriteOptions,
    under?: SessionCore,
  ): Promise<ResultOf<M['type']>> {
    this.check();
    if (this.isClosed) throw clientClosed();
    const mutation = { what, operation: encoding(operation), reason: options.reason ?? null };
    const waiting = waitingFor(this, options);
    if (under !== undefined) return this.#result<M['type']>(operation, await under.mutate(mutation, waiting));
    if (this.#identity === 'idempotency-key') {
      return this.#result<M['type']>(operation, await this.#mutateByKey(mutation, waiting));
    }
    for (;;) {
      const own = this.sessions.own();
      try {
        return this.#result<M['type']>(operation, await own.mutate(mutation, waiting));
      } catch (error) {
        // It had not left yet when the session's time was up: there is another session.
        const again = own.isFinal && ConclaveError.is(error, 'SESSION_EXPIRED') && error.outcome === 'not-applied';
        if (!again || this.isClosed) throw error;
      }
    }
  }

  async #mutateByKey(
    { operation, reason, what }: { what: string; operation: Uint8Array; reason: string | null },
    waiting: Waiting,
  ): Promise<Result> {
    const identity = { by: 'key', key: this.environment.random.bytes(idempotencyKeyBytes) } as const;
    // Longer than this the cluster does not remember the key, and sending again might do it twice.
    const rememberedUntilMs = this.environment.clock.nowMs() + limits.idempotencyTtlMs / 2;
    const spec: RequestSpec = {
      what,
      lane: this.exchange.common,
      changes: true,
      repeatable: true,
      bytes: operation.length,
      message: (id, deadlineMs) => ({ type: 'mutate', id, identity, reason, deadlineMs, operation }),
    };
    const deadlineMs = Math.min(waiting.deadlineMs, rememberedUntilMs);
    const { message } = await this.exchange.ask(spec, { ...waiting, deadlineMs });
    if (message.type !== 'result') throw new ConclaveError('PROTOCOL', `a mutation was answered by ${message.type}`);
    return decoded(message.result);
  }

  /** Orderly, as far as it can be done in a short time. Never rejects. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    this.watches.close();
    if (this.link.isReady) await this.#endSessions();
    this.exchange.close();
    this.sessions.stop();
    this.#vitals.close();
    this.link.close();
  }

  async #endSessions(): Promise<void> {
    const ended = this.sessions.close();
    await new Promise<void>((resolve) => {
      const stop = this.environment.timers.after(bounds.closeTimeoutMs, resolve);
      void ended.finally(stop).then(resolve);
    });
  }

  #connected(welcome: Welcome): void {
    if (this.#incarnation !== 0 && this.#incarnation !== welcome.incarnation) this.#revision = 0;
    this.#incarnation = welcome.incarnation;
  }

  /** A member that answers nothing must be left while there is still time for another one to keep the sessions alive. */
  #patienceMs(): number {
    return Math.max(bounds.minPatienceMs, Math.min(bounds.patienceMs, this.sessions.shortestTtlMs / 4));
  }

  #isAtStake(): boolean {
    return this.exchange.isBusy || this.sessions.isInDoubt || this.watches.count > 0;
  }

  #result<T extends string>(
    operation: { readonly type: T; readonly revision?: number | null },
    result: Result,
  ): ResultOf<T> {
    const expected = operation.type === 'sessionClose' ? 'leaseRevoke' : operation.type;
    if (result.type !== expected)
      throw new ConclaveError('PROTOCOL', `${operation.type} was answered by ${result.type}`);
    if ('revision' in result && !isOldRead(operation)) this.saw(result.revision);
    return result as ResultOf<T>;
  }
}

function isOldRead(operation: { readonly type: string; readonly revision?: number | null }): boolean {
  return operation.type === 'range' && operation.revision !== null;
}

function encoding(operation: Parameters<typeof encodeOperation>[0]): Uint8Array {
  try {
    return encodeOperation(operation);
  } catch (error) {
    throw asConclaveError(error);
  }
}

function decoded(bytes: Uint8Array): Result {
  try {
    return decodeResult(bytes);
  } catch (error) {
    throw asConclaveError(error);
  }
}
