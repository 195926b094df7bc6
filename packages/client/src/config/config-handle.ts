import type { Revision } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import { type WriteOptions, waitingFor } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { Emitter, type Unsubscribe } from '../emitter.ts';
import { ConclaveError } from '../error.ts';
import type { Waiting } from '../exchange/exchange.ts';
import type { Entry } from '../keys/entry.ts';
import type { KeySpace } from '../keys/key-space.ts';
import type { MirrorChange } from '../mirror/change.ts';
import { MirrorHandle } from '../mirror/mirror.ts';
import { News } from '../mirror/news.ts';
import type { View } from '../mirror/view.ts';
import { type Cached, CacheWriter, type ConfigCache, decodeCache, encodeCache, type Saved } from './cache.ts';
import type { Config, ConfigChange, ConfigEvents } from './config.ts';
import { type DocumentSpec, explained, readDocument, type Shape } from './document.ts';
import type { SchemaIssue } from './standard-schema.ts';
import { updateDocuments } from './update.ts';

/** How far one document has come. */
class Followed {
  readonly spec: DocumentSpec;
  /** The last valid one. Null: there never was one. */
  valid: (Saved & { readonly value: unknown }) | null = null;
  /** Of what is there now. Null: it is valid. */
  issues: readonly SchemaIssue[] | null = null;
  #looked: Entry | null | undefined;

  constructor(spec: DocumentSpec) {
    this.spec = spec;
  }

  /** The present one may be used, or there never was one to prefer to the default. */
  get isUsable(): boolean {
    return this.issues === null || (this.valid === null && this.spec.fallback !== null);
  }

  get value(): unknown {
    return this.valid === null ? this.spec.fallback?.value : this.valid.value;
  }

  /** A default is no word against what never was there. */
  get isWrong(): boolean {
    return this.issues !== null && (this.#looked !== null || this.valid !== null);
  }

  /** False: it is what it was. */
  async look(entry: Entry | null): Promise<boolean> {
    if (entry === this.#looked) return false;
    this.#looked = entry;
    const wasWrong = this.issues !== null;
    const text = entry?.text() ?? null;
    const document = await readDocument(text, this.spec);
    this.issues = document.issues;
    if (document.issues !== null || text === null) return true;
    const revision = entry?.modRevision ?? 0;
    // As it was in the cache, most often.
    const isSame = !wasWrong && this.valid?.revision === revision && this.valid.text === text;
    this.valid = { text, revision, value: document.value };
    return !isSame;
  }
}

interface Current<T> {
  readonly value: T;
  readonly revision: Revision;
}

/** Documents on top of a mirror of their keys, which hands on each state and waits until it was looked at. */
export class ConfigHandle<T> implements Config<T> {
  readonly #core: ClientCore;
  readonly #space: KeySpace;
  readonly #shape: Shape<T>;
  readonly #documents: readonly Followed[];
  readonly #mirror: MirrorHandle;
  readonly #events: Emitter<ConfigEvents<T>>;
  readonly #news: News;
  readonly #cache: ConfigCache | null;
  readonly #writer: CacheWriter | null;
  #current: Current<T> | null = null;
  /** Why the documents of the cluster cannot be used. */
  #refusal: ConclaveError | null = null;
  #last: ConfigChange<T> | null = null;
  #cacheError: unknown;
  /** When what `value` is was saved. Null: it is the cluster's. */
  #savedMs: number | null = null;
  /** What happened before anybody could listen. */
  #early: (() => void)[] | null = [];

  constructor(core: ClientCore, space: KeySpace, shape: Shape<T>, cache: ConfigCache | null) {
    this.#core = core;
    this.#space = space;
    this.#shape = shape;
    this.#documents = shape.documents.map((spec) => new Followed(spec));
    this.#events = new Emitter(core.environment.report);
    this.#news = new News(core, `config ${shape.documents.map(({ name }) => name).join()}`);
    this.#cache = cache;
    this.#writer = cache === null ? null : new CacheWriter(cache, (error) => this.#cacheFailed(error));
    const keys = shape.documents.map(({ key }) => key);
    this.#mirror = new MirrorHandle(core, space, keys, undefined, async (view, change) => this.#look(view, change));
    this.#mirror.signal.addEventListener('abort', () => this.#news.end(this.#mirror.signal.reason));
  }

  /** Until there is a valid value. Rejects when there is none. */
  async begin(waiting: Waiting, cacheAfterMs: number = bounds.cacheAfterMs): Promise<void> {
    const useCacheAtMs = this.#core.environment.clock.nowMs() + cacheAfterMs;
    const cached = this.#cache === null ? null : await this.#load(this.#cache);
    const deadlineMs = cached === null ? waiting.deadlineMs : Math.min(waiting.deadlineMs, useCacheAtMs);
    try {
      await this.#mirror.begun({ ...waiting, deadlineMs });
    } catch (error) {
      if (!ConclaveError.is(error, 'DEADLINE_EXCEEDED')) throw error;
      this.#refusal = error;
    }
    if (this.#current === null && cached !== null) this.#adopt(cached);
    if (this.#current === null) throw this.#refused();
    const early = this.#early ?? [];
    this.#early = null;
    // Whoever has awaited this can listen by then.
    this.#core.environment.timers.soon(() => {
      for (const tell of early) tell();
    });
  }

  async #load(cache: ConfigCache): Promise<Cached | null> {
    try {
      const text = await cache.load();
      return text === null ? null : await decodeCache(text, this.#shape.documents);
    } catch (error) {
      this.#cacheFailed(error);
      return null;
    }
  }

  /** What was saved is the present value, also while documents of the cluster are not valid. */
  #adopt({ documents, savedMs, values }: Cached): void {
    for (const [at, document] of this.#documents.entries()) {
      const saved = documents[at] ?? null;
      if (saved !== null) document.valid ??= { ...saved, value: values[at] };
    }
    const revision = Math.max(...documents.map((saved) => saved?.revision ?? 0));
    this.#current = { value: this.#shape.assemble(values), revision };
    this.#savedMs = savedMs;
  }

  #refused(): ConclaveError {
    const { code, message } = this.#refusal ?? { code: 'NOT_FOUND', message: 'config: there is no document' };
    const cause = this.#cacheError;
    const why = cause instanceof Error ? cause.message : 'it threw what is no error';
    const told = cause === undefined ? message : `${message}; and its cache failed: ${why}`;
    return new ConclaveError(code, told, { cause });
  }

  get value(): T {
    return (this.#current as Current<T>).value;
  }

  get revision(): Revision {
    return (this.#current as Current<T>).revision;
  }

  get fromCache(): boolean {
    return this.#savedMs !== null;
  }

  get staleMs(): number {
    if (this.#savedMs === null) return this.#mirror.staleMs;
    return Math.max(0, this.#core.environment.clock.wallMs() - this.#savedMs);
  }

  get signal(): AbortSignal {
    return this.#news.ended;
  }

  on<E extends keyof ConfigEvents<T>>(event: E, listener: (...values: ConfigEvents<T>[E]) => void): Unsubscribe {
    return this.#events.on(event, listener);
  }

  changes({ signal }: { readonly signal?: AbortSignal } = {}): AsyncIterable<ConfigChange<T>> {
    return this.#changes(this.#current as Current<T>, signal);
  }

  async update(change: (current: T) => T | Promise<T>, options: WriteOptions = {}): Promise<Revision> {
    const { deadlineMs } = waitingFor(this.#core, options);
    const otherwise = (): readonly unknown[] => this.#documents.map((document) => document.value);
    const revision = await updateDocuments(this.#core, this.#space, this.#shape, otherwise, change, options);
    // It is written, whether it is seen here in time or not.
    const timeoutMs = Math.max(0, deadlineMs - this.#core.environment.clock.nowMs());
    await this.#mirror.waitFor(revision, { ...options, timeoutMs }).catch(() => {});
    return revision;
  }

  async close(): Promise<void> {
    await this.#mirror.close();
    await this.#writer?.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async *#changes(from: Current<T>, signal: AbortSignal | undefined): AsyncGenerator<ConfigChange<T>, void, void> {
    let previous = from;
    for (;;) {
      const given = previous;
      await this.#news.until(() => this.#current !== given, { deadlineMs: Number.POSITIVE_INFINITY, signal });
      previous = this.#current as Current<T>;
      const { revision, value } = previous;
      const isNext = this.#last?.previous === given.value && this.#last.value === value;
      const { author = null, reason = null } = isNext ? (this.#last ?? {}) : {};
      yield { value, previous: given.value, revision, author, reason };
    }
  }

  /** One state of all documents. The next one waits for it. */
  async #look(view: View, change: MirrorChange | null): Promise<void> {
    let isNew = this.#current === null;
    for (const document of this.#documents) {
      if (!(await document.look(view.get(document.spec.key)))) continue;
      const { isWrong, issues, spec } = document;
      // What is not valid makes no other value: the last one stays, or the default.
      isNew ||= issues === null;
      if (isWrong && issues !== null) {
        this.#tell(() => this.#events.emit('invalid', issues, change?.revision ?? view.revision, spec.name));
      }
    }
    const unusable = this.#documents.find(({ isUsable }) => !isUsable);
    if (unusable === undefined) {
      const wasSaved = this.#savedMs !== null;
      this.#savedMs = null;
      if (isNew) this.#take(change);
      if (isNew || wasSaved) this.#save();
    } else {
      const code = view.get(unusable.spec.key) === null ? 'NOT_FOUND' : 'INVALID_ARGUMENT';
      const why = explained(unusable.issues ?? []);
      this.#refusal = new ConclaveError(code, `config ${unusable.spec.name}: ${why}, and there is no default`);
    }
    this.#news.wake();
  }

  #take(change: MirrorChange | null): void {
    const before = this.#current;
    const value = this.#shape.assemble(this.#documents.map((document) => document.value));
    const revision = Math.max(...this.#documents.map(({ valid }) => valid?.revision ?? 0));
    this.#current = { value, revision };
    if (before === null) return;
    const { author = null, reason = null } = change ?? {};
    const told: ConfigChange<T> = { value, previous: before.value, revision, author, reason };
    this.#last = told;
    this.#tell(() => this.#events.emit('change', told));
  }

  #save(): void {
    const documents = this.#documents.map(({ valid }) =>
      valid === null ? null : { text: valid.text, revision: valid.revision },
    );
    const nowMs = this.#core.environment.clock.wallMs();
    this.#writer?.save(encodeCache(nowMs, this.#shape.documents, documents));
  }

  #cacheFailed(error: unknown): void {
    this.#cacheError = error;
    this.#tell(() => this.#events.emit('cacheFailed', error));
  }

  #tell(tell: () => void): void {
    if (this.#early === null) tell();
    else this.#early.push(tell);
  }
}
