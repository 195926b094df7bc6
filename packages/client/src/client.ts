import { type ClientMutation, type ClusterStatus, isQuery, type Query, type Result } from '@conclave/protocol';
import { bounds } from './bounds.ts';
import { type CallOptions, type WriteOptions, waitingFor } from './call.ts';
import type { ClientCore, ClientEvents, ResultOf } from './client-core.ts';
import type { Config, ConfigDocuments, ConfigOptions, ConfigSetOptions } from './config/config.ts';
import type { StandardSchema } from './config/standard-schema.ts';
import { type Election, ElectionHandle } from './election/election.ts';
import type { Unsubscribe } from './emitter.ts';
import { ConclaveError, outOfTime } from './error.ts';
import type { Lane } from './exchange/lane.ts';
import type { Entry, KeyEntry } from './keys/entry.ts';
import type { Key, KeySpace, Selector } from './keys/key-space.ts';
import { type Listing, type ListOptions, list } from './keys/list.ts';
import { type ReadOptions, type ReadResult, read } from './keys/read.ts';
import { type TxnDone, type TxnRequest, type TxnStep, txn } from './keys/txn.ts';
import {
  type CompareLost,
  type DeleteDone,
  type DeleteOptions,
  type PutDone,
  type PutOptions,
  put,
  remove,
} from './keys/write.ts';
import type { ClientState } from './link/link.ts';
import { loadLive } from './load-live.ts';
import type { Lock } from './lock/lock.ts';
import { acquireLock, acquireLocks, type HoldOptions, type LockOptions, type WantedLock } from './lock/locks.ts';
import { type Semaphore, SemaphoreHandle, type SemaphoreOptions } from './lock/semaphore.ts';
import type { LockMode, SingleLock } from './lock/single-lock.ts';
import type { Mirror, MirrorOptions } from './mirror/mirror.ts';
import { onAbort } from './on-abort.ts';
import { openSession, type Session } from './session/session.ts';
import type { WatchBatch } from './watch/batch.ts';
import { openWatch, runWatch, type Watcher, type WatchOptions, type WatchRun } from './watch/watcher.ts';

export interface SessionCallOptions extends CallOptions {
  /** Without a sign of life for so long it ends; never sooner. 1,000 to 300,000; 15,000 if not given. */
  readonly ttlMs?: number;
  /** So that people see whose it is: host, pid, application. */
  readonly metadata?: Readonly<Record<string, string>>;
}

type KeysOnly<O> = O & { readonly keysOnly: true };

/** One of several locks: exclusively, unless it says otherwise. */
export type LockChoice = Key | { readonly name: Key; readonly mode?: LockMode };

/** A connection to a cluster that is always there: it moves to another member when one goes. */
export interface Client extends AsyncDisposable {
  readonly state: ClientState;
  on<E extends keyof ClientEvents>(event: E, listener: (...values: ClientEvents[E]) => void): Unsubscribe;

  /** Null: there is no such key. */
  get(key: Key, options?: ReadOptions): Promise<Entry | null>;
  /** As `get`, and how old the answer is. */
  read(key: Key, options?: ReadOptions): Promise<ReadResult>;
  list(selector: Selector, options: KeysOnly<ListOptions>): Listing<KeyEntry>;
  list(selector: Selector, options?: ListOptions): Listing;
  put(
    key: Key,
    value: string | Uint8Array,
    options: PutOptions & { readonly ifRevision: number },
  ): Promise<PutDone | CompareLost>;
  put(key: Key, value: string | Uint8Array, options?: PutOptions & { readonly ifRevision?: never }): Promise<PutDone>;
  put(key: Key, value: string | Uint8Array, options?: PutOptions): Promise<PutDone | CompareLost>;
  delete(
    selector: Selector,
    options: DeleteOptions & { readonly ifRevision: number },
  ): Promise<DeleteDone | CompareLost>;
  delete(selector: Selector, options?: DeleteOptions & { readonly ifRevision?: never }): Promise<DeleteDone>;
  delete(selector: Selector, options?: DeleteOptions): Promise<DeleteDone | CompareLost>;
  /** All of it or nothing, at one revision. */
  txn<const Then extends readonly TxnStep[], const Else extends readonly TxnStep[] = []>(
    request: TxnRequest<Then, Else>,
    options?: WriteOptions,
  ): Promise<TxnDone<Then, Else>>;

  watch(selector: Selector | readonly Selector[], options: KeysOnly<WatchOptions>): Watcher<KeyEntry>;
  watch(selector: Selector | readonly Selector[], options?: WatchOptions): Watcher;
  watch(
    selector: Selector | readonly Selector[],
    handle: (batch: WatchBatch) => void | Promise<void>,
    options?: WatchOptions,
  ): WatchRun;

  /** A copy on this side, kept up to date: read at once, in order, always as all of it was at one revision. Resolves when it is whole. */
  mirror(selectors: Selector | readonly Selector[], options?: MirrorOptions): Promise<Mirror>;

  session(options?: SessionCallOptions): Promise<Session>;
  /** Waits its turn: first come, first served. Without `timeoutMs` for ever. */
  lock(name: Key, options?: LockOptions): Promise<SingleLock>;
  /** Null: somebody else holds it. */
  tryLock(name: Key, options?: LockOptions): Promise<SingleLock | null>;
  /** Holds it while `work` runs. */
  withLock<T>(name: Key, work: (lock: Lock) => Promise<T>, options?: LockOptions): Promise<T>;

  /** All of them at one revision, or none: whoever waits for several holds none of them meanwhile. */
  lockAll(names: readonly LockChoice[], options?: HoldOptions): Promise<Lock>;
  /** Null: somebody holds one of them. */
  tryLockAll(names: readonly LockChoice[], options?: HoldOptions): Promise<Lock | null>;
  /** So many permits, held by so many at a time. */
  semaphore(name: Key, options: SemaphoreOptions): Semaphore;

  election(name: Key): Election;
  /** The JSON document under the key `config/NAME`: typed by any Standard Schema, live, always valid. */
  config<Input, Output>(
    name: string,
    schema: StandardSchema<Input, Output>,
    options?: ConfigOptions<Output>,
  ): Promise<Config<Output>>;
  /** Several of them, always as they were at one revision: `client.config({ limits: { name: 'payments/limits', schema }, … })`. */
  config<T>(documents: ConfigDocuments<T>, options?: ConfigSetOptions): Promise<Config<T>>;

  /** The same client, for keys, locks, elections and documents whose names begin with `prefix`, which it adds and takes off. */
  namespace(prefix: Key): Client;

  /** What the member that we are connected to knows of the cluster; also without a quorum. */
  status(options?: CallOptions): Promise<ClusterStatus>;

  /**
   * Hands leadership to member `to`, or to the voter that lacks least. Resolves when the new leader is known. Rejects with INVALID_ARGUMENT when
   * there is no such voter, and with UNAVAILABLE when leadership stayed; writes wait meanwhile and are not refused.
   */
  transferLeader(to?: number | null, options?: CallOptions): Promise<{ readonly leader: number }>;
  /**
   * A backup of everything that was acknowledged to anybody by now, in chunks that one behind the other make a file for `conclave snapshot`. Rejects with
   * UNAVAILABLE when the connection is lost: it is begun anew then.
   */
  backup(options?: CallOptions): AsyncGenerator<Uint8Array, void, void>;
  /** An operation of the protocol as it is, for what operators do: leases, lists of locks, a forced release, compaction. */
  perform<O extends ClientMutation | Query>(
    operation: O,
    options?: WriteOptions & ReadOptions,
  ): Promise<ResultOf<O['type']>>;

  /** Sessions end in order, what waits is rejected. Never rejects; a namespace closes the whole client. */
  close(): Promise<void>;
}

const cores = new WeakMap<Client, ClientCore>();

/** For what stands beside the client, as `@conclave/client/admin` does. */
export function coreOfClient(client: Client): ClientCore {
  const core = cores.get(client);
  if (core === undefined) throw new ConclaveError('INVALID_ARGUMENT', 'client: it is none of this package');
  return core;
}

export class ClientHandle implements Client {
  readonly #core: ClientCore;
  readonly #space: KeySpace;

  constructor(core: ClientCore, space: KeySpace) {
    this.#core = core;
    this.#space = space;
    cores.set(this, core);
  }

  get state(): ClientState {
    return this.#core.link.state;
  }

  on<E extends keyof ClientEvents>(event: E, listener: (...values: ClientEvents[E]) => void): Unsubscribe {
    return this.#core.events.on(event, listener);
  }

  async get(key: Key, options: ReadOptions = {}): Promise<Entry | null> {
    const { entry } = await read(this.#core, this.#space, key, options);
    return entry;
  }

  async read(key: Key, options: ReadOptions = {}): Promise<ReadResult> {
    return read(this.#core, this.#space, key, options);
  }

  list(selector: Selector, options: ListOptions = {}): Listing {
    return list(this.#core, this.#space, selector, options);
  }

  put(key: Key, value: string | Uint8Array, options?: PutOptions & { readonly ifRevision?: never }): Promise<PutDone>;
  put(key: Key, value: string | Uint8Array, options?: PutOptions): Promise<PutDone | CompareLost>;
  async put(key: Key, value: string | Uint8Array, options: PutOptions = {}): Promise<PutDone | CompareLost> {
    return put(this.#core, this.#space, key, value, options);
  }

  delete(selector: Selector, options?: DeleteOptions & { readonly ifRevision?: never }): Promise<DeleteDone>;
  delete(selector: Selector, options?: DeleteOptions): Promise<DeleteDone | CompareLost>;
  async delete(selector: Selector, options: DeleteOptions = {}): Promise<DeleteDone | CompareLost> {
    return remove(this.#core, this.#space, selector, options);
  }

  async txn<const Then extends readonly TxnStep[], const Else extends readonly TxnStep[] = []>(
    request: TxnRequest<Then, Else>,
    options: WriteOptions = {},
  ): Promise<TxnDone<Then, Else>> {
    return txn(this.#core, this.#space, request, options);
  }

  watch(selector: Selector | readonly Selector[], options?: WatchOptions): Watcher;
  watch(
    selector: Selector | readonly Selector[],
    handle: (batch: WatchBatch) => void | Promise<void>,
    options?: WatchOptions,
  ): WatchRun;
  watch(
    selector: Selector | readonly Selector[],
    second: WatchOptions | ((batch: WatchBatch) => void | Promise<void>) = {},
    third: WatchOptions = {},
  ): Watcher | WatchRun {
    if (typeof second !== 'function') return openWatch(this.#core, this.#space, selector, second);
    return runWatch(openWatch(this.#core, this.#space, selector, third), second);
  }

  async mirror(selectors: Selector | readonly Selector[], options: MirrorOptions = {}): Promise<Mirror> {
    const { openMirror } = await loadLive();
    return openMirror(this.#core, this.#space, selectors, options);
  }

  async session({ metadata = {}, signal, timeoutMs, ttlMs }: SessionCallOptions = {}): Promise<Session> {
    const core = this.#core;
    core.check();
    const session = core.sessions.create({ metadata, ttlMs: ttlMs ?? bounds.defaultSessionTtlMs });
    const { deadlineMs } = waitingFor(core, timeoutMs === undefined ? {} : { timeoutMs });
    try {
      return await within(core, openSession(core, session), deadlineMs, signal, session.lane);
    } catch (error) {
      void session.close();
      throw error;
    }
  }

  async lock(name: Key, options: LockOptions = {}): Promise<SingleLock> {
    const lock = await acquireLock(this.#core, this.#space.key(name), true, options);
    if (lock === null) throw new ConclaveError('PROTOCOL', 'a waiting acquire was refused');
    return lock;
  }

  async tryLock(name: Key, options: LockOptions = {}): Promise<SingleLock | null> {
    return acquireLock(this.#core, this.#space.key(name), false, options);
  }

  async lockAll(names: readonly LockChoice[], options: HoldOptions = {}): Promise<Lock> {
    const lock = await acquireLocks(this.#core, this.#wanted(names), true, options);
    if (lock === null) throw new ConclaveError('PROTOCOL', 'a waiting acquire was refused');
    return lock;
  }

  async tryLockAll(names: readonly LockChoice[], options: HoldOptions = {}): Promise<Lock | null> {
    return acquireLocks(this.#core, this.#wanted(names), false, options);
  }

  #wanted(names: readonly LockChoice[]): WantedLock[] {
    return names.map((choice) => {
      const { mode = 'exclusive', name } = typeof choice === 'object' && 'name' in choice ? choice : { name: choice };
      return { mode, name: this.#space.key(name) };
    });
  }

  semaphore(name: Key, options: SemaphoreOptions): Semaphore {
    return new SemaphoreHandle(this.#core, this.#space.key(name), options);
  }

  async withLock<T>(name: Key, work: (lock: Lock) => Promise<T>, options: LockOptions = {}): Promise<T> {
    const lock = await this.lock(name, options);
    try {
      return await work(lock);
    } finally {
      // What the work came to counts. A release that is not answered in its time is asked for until it is, or the session ends.
      await lock.release().catch(() => {});
    }
  }

  election(name: Key): Election {
    return new ElectionHandle(this.#core, this.#space.key(name));
  }

  config<Input, Output>(
    name: string,
    schema: StandardSchema<Input, Output>,
    options?: ConfigOptions<Output>,
  ): Promise<Config<Output>>;
  config<T>(documents: ConfigDocuments<T>, options?: ConfigSetOptions): Promise<Config<T>>;
  async config<T>(
    first: string | ConfigDocuments<T>,
    second: StandardSchema<unknown, T> | ConfigSetOptions = {},
    options: ConfigOptions<T> = {},
  ): Promise<Config<T>> {
    const { openConfig, openConfigs } = await loadLive();
    if (typeof first !== 'string') return openConfigs(this.#core, this.#space, first, second as ConfigSetOptions);
    return openConfig(this.#core, this.#space, first, second as StandardSchema<unknown, T>, options);
  }

  namespace(prefix: Key): Client {
    return new ClientHandle(this.#core, this.#space.within(prefix));
  }

  async status(options: CallOptions = {}): Promise<ClusterStatus> {
    const { exchange } = this.#core;
    const { message } = await exchange.ask(
      {
        what: 'status',
        lane: exchange.common,
        changes: false,
        repeatable: true,
        bytes: 0,
        message: (id) => ({ type: 'statusRequest', id }),
      },
      waitingFor(this.#core, options),
    );
    if (message.type !== 'status') throw new ConclaveError('PROTOCOL', `status was answered by ${message.type}`);
    return message.status;
  }

  async transferLeader(to: number | null = null, options: CallOptions = {}): Promise<{ readonly leader: number }> {
    const { exchange } = this.#core;
    const { message } = await exchange.ask(
      {
        what: 'transferLeader',
        lane: exchange.common,
        changes: true,
        // Asked twice it may move twice.
        repeatable: false,
        bytes: 0,
        message: (id) => ({ type: 'transferLeader', id, to }),
      },
      waitingFor(this.#core, options),
    );
    if (message.type !== 'transferred') throw new ConclaveError('PROTOCOL', `answered by ${message.type}`);
    return { leader: message.leaderId };
  }

  async *backup(options: CallOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    const { exchange } = this.#core;
    for (let chunk = 0; ; chunk++) {
      const { message } = await exchange.ask(
        {
          what: 'backup',
          lane: exchange.common,
          changes: false,
          // What was begun at one member does not go on at another.
          repeatable: chunk === 0,
          bytes: 0,
          message: (id) => ({ type: 'backupRead', id, chunk }),
        },
        waitingFor(this.#core, options),
      );
      if (message.type !== 'backupChunk') throw new ConclaveError('PROTOCOL', `answered by ${message.type}`);
      if (message.bytes === null) return;
      yield message.bytes;
    }
  }

  async perform<O extends ClientMutation | Query>(
    operation: O,
    options: WriteOptions & ReadOptions = {},
  ): Promise<ResultOf<O['type']>> {
    if (isQuery(operation)) {
      const { result }: { readonly result: Result } = await this.#core.query<Query>(operation.type, operation, options);
      return result as ResultOf<O['type']>;
    }
    const result: Result = await this.#core.mutate<ClientMutation>(operation.type, operation, options);
    return result as ResultOf<O['type']>;
  }

  async close(): Promise<void> {
    await this.#core.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** What has no deadline of its own, waited for until one. */
async function within<T>(
  core: ClientCore,
  promise: Promise<T>,
  deadlineMs: number,
  signal: AbortSignal | undefined,
  lane: Lane,
): Promise<T> {
  const leftMs = Math.max(0, deadlineMs - core.environment.clock.nowMs());
  return new Promise<T>((resolve, reject) => {
    const finish = (then: () => void): void => {
      stop();
      stopListening();
      then();
    };
    const abort = (): void =>
      finish(() =>
        reject(new ConclaveError('CANCELLED', "session: the caller's signal aborted", { cause: signal?.reason })),
      );
    const stop = core.environment.timers.after(leftMs, () =>
      finish(() => reject(outOfTime('session: it was not opened within its time', lane.obstacle))),
    );
    const stopListening = onAbort(signal, abort);
    promise.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error)),
    );
    if (signal?.aborted === true) abort();
  });
}
