import type { Revision } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import { type CallOptions, type WriteOptions, waitingFor } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { Emitter, type Unsubscribe } from '../emitter.ts';
import { ConclaveError, cancelled } from '../error.ts';
import type { Entry } from '../keys/entry.ts';
import type { KeySpace } from '../keys/key-space.ts';
import { read } from '../keys/read.ts';
import { put } from '../keys/write.ts';
import { onAbort } from '../on-abort.ts';
import { openWatch, type WatchHandle } from '../watch/watcher.ts';
import { type Document, documentKey, explained, readDocument } from './document.ts';
import type { SchemaIssue, Validates } from './standard-schema.ts';

export interface ConfigOptions<T> extends CallOptions {
  /** While there is no valid document. Without it, `config` rejects then. */
  readonly default?: T;
}

export interface ConfigChange<T> {
  readonly value: T;
  /** What was given before this; changes in between are left out. */
  readonly previous: T;
  readonly revision: Revision;
}

export type ConfigEvents<T> = {
  readonly change: readonly [ConfigChange<T>];
  /** What is there now is not valid; the value stays as it was. */
  readonly invalid: readonly [readonly SchemaIssue[], Revision];
};

/** A document that is always at hand, always valid, and follows what is written to it. */
export interface Config<T> extends AsyncDisposable {
  /** The last valid one. */
  readonly value: T;
  /** Of `value`. 0: it is the default. */
  readonly revision: Revision;
  /** Since a member last said that nothing is missing. */
  readonly staleMs: number;
  /** Aborts when it follows no longer: it was closed, or its client. */
  readonly signal: AbortSignal;
  /** The changes from now on. A slow reader sees the latest, not each. */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterable<ConfigChange<T>>;
  on<E extends keyof ConfigEvents<T>>(event: E, listener: (...values: ConfigEvents<T>[E]) => void): Unsubscribe;
  /** Reads, changes and writes what `change` returns, again until nobody else wrote in between. Answers the revision. */
  update(change: (current: T) => T | Promise<T>, options?: WriteOptions): Promise<Revision>;
  close(): Promise<void>;
}

export async function openConfig<T>(
  core: ClientCore,
  space: KeySpace,
  name: string,
  schema: Validates<T>,
  options: ConfigOptions<T>,
): Promise<Config<T>> {
  const key = documentKey(name);
  const { deadlineMs, signal } = waitingFor(core, options);
  const watcher = openWatch(core, space, key, { initial: 'snapshot', onCompacted: 'resync' });
  const leftMs = deadlineMs - core.environment.clock.nowMs();
  let failure: ConclaveError | null = null;
  const giveUp = (error: ConclaveError): void => {
    failure = error;
    void watcher.close();
  };
  const abort = (): void => giveUp(cancelled(signal as AbortSignal, `config ${name}`));
  const stopListening = onAbort(signal, abort);
  const stop = core.environment.timers.after(Math.max(0, leftMs), () =>
    giveUp(new ConclaveError('DEADLINE_EXCEEDED', `config ${name}: it could not be read within its time`)),
  );
  try {
    if (signal?.aborted === true) abort();
    const entry = await firstEntry(watcher);
    const document = await readDocument(entry, schema, entry?.modRevision ?? 0);
    return new ConfigHandle(core, space, name, schema, watcher, begin(name, document, entry, options));
  } catch (error) {
    await watcher.close();
    throw failure ?? error;
  } finally {
    stop();
    stopListening();
  }
}

async function firstEntry(watcher: WatchHandle): Promise<Entry | null> {
  for (;;) {
    const { done, value: batch } = await watcher.next();
    if (done === true) throw new ConclaveError('CANCELLED', 'config: it was closed');
    if (batch.type === 'snapshot') return batch.entries[0] ?? null;
  }
}

interface Valid<T> {
  readonly value: T;
  readonly revision: Revision;
}

function begin<T>(name: string, document: Document<T>, entry: Entry | null, options: ConfigOptions<T>): Valid<T> {
  if (document.issues === null) return document;
  if ('default' in options) return { value: options.default, revision: 0 };
  const code = entry === null ? 'NOT_FOUND' : 'INVALID_ARGUMENT';
  throw new ConclaveError(code, `config ${name}: ${explained(document.issues)}, and there is no default`);
}

class ConfigHandle<T> implements Config<T> {
  readonly #core: ClientCore;
  readonly #space: KeySpace;
  readonly #name: string;
  readonly #schema: Validates<T>;
  readonly #watcher: WatchHandle;
  readonly #events: Emitter<ConfigEvents<T>>;
  readonly #ended = new AbortController();
  readonly #readers = new Set<() => void>();
  #current: Valid<T>;
  /** The newest state that was looked at, valid or not. */
  #seen: Revision;

  constructor(
    core: ClientCore,
    space: KeySpace,
    name: string,
    schema: Validates<T>,
    watcher: WatchHandle,
    current: Valid<T>,
  ) {
    this.#core = core;
    this.#space = space;
    this.#name = name;
    this.#schema = schema;
    this.#watcher = watcher;
    this.#current = current;
    this.#seen = current.revision;
    this.#events = new Emitter(core.environment.report);
    void this.#follow();
  }

  get value(): T {
    return this.#current.value;
  }

  get revision(): Revision {
    return this.#current.revision;
  }

  get staleMs(): number {
    return Math.max(0, this.#core.environment.clock.nowMs() - this.#watcher.heardMs);
  }

  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  on<E extends keyof ConfigEvents<T>>(event: E, listener: (...values: ConfigEvents<T>[E]) => void): Unsubscribe {
    return this.#events.on(event, listener);
  }

  async *changes({ signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<ConfigChange<T>, void, void> {
    let given = this.#current;
    for (;;) {
      while (given === this.#current) await this.#news(signal);
      const previous = given.value;
      given = this.#current;
      yield { value: given.value, previous, revision: given.revision };
    }
  }

  async update(change: (current: T) => T | Promise<T>, options: WriteOptions = {}): Promise<Revision> {
    const key = documentKey(this.#name);
    const { deadlineMs } = waitingFor(this.#core, options);
    for (let attempt = 1; attempt <= bounds.maxUpdateAttempts; attempt++) {
      const timeoutMs = Math.max(0, deadlineMs - this.#core.environment.clock.nowMs());
      const limited = { ...options, timeoutMs };
      const { entry } = await read(this.#core, this.#space, key, limited);
      const document = await readDocument(entry, this.#schema, entry?.modRevision ?? 0);
      const next = await change(document.issues === null ? document.value : this.value);
      const text = JSON.stringify(next);
      await this.#assertValid(text);
      const written = await put(this.#core, this.#space, key, text, {
        ...limited,
        ifRevision: entry?.modRevision ?? 0,
      });
      if (written.ok) return written.revision;
    }
    const limit = bounds.maxUpdateAttempts;
    const message = `config ${this.#name}: others wrote ${limit} times in between`;
    throw new ConclaveError('OVERLOADED', message, { details: { limit } });
  }

  /** As it will be read: what cannot be read again must not be written. */
  async #assertValid(text: string): Promise<void> {
    const result = await this.#schema['~standard'].validate(JSON.parse(text));
    if (result.issues === undefined) return;
    throw new ConclaveError('INVALID_ARGUMENT', `config ${this.#name}: ${explained(result.issues)}`);
  }

  async close(): Promise<void> {
    await this.#watcher.close();
    this.#end(new ConclaveError('CANCELLED', `config ${this.#name}: it was closed`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #follow(): Promise<void> {
    try {
      for await (const batch of this.#watcher) {
        if (batch.type === 'snapshot') await this.#look(batch.entries[0] ?? null, batch.revision);
        if (batch.type !== 'events') continue;
        const last = batch.events.at(-1);
        if (last !== undefined) await this.#look(last.type === 'put' ? last.entry : null, batch.revision);
      }
      this.#end(new ConclaveError('CANCELLED', `config ${this.#name}: it was closed`));
    } catch (error) {
      this.#end(error);
    }
  }

  async #look(entry: Entry | null, revision: Revision): Promise<void> {
    const changed = entry?.modRevision ?? revision;
    // A snapshot after a gap shows what we have, most often.
    if (changed === this.#seen) return;
    this.#seen = changed;
    const document = await readDocument(entry, this.#schema, changed);
    if (document.issues !== null) {
      this.#events.emit('invalid', document.issues, changed);
      return;
    }
    const previous = this.#current.value;
    this.#current = document;
    this.#events.emit('change', { value: document.value, previous, revision: changed });
    this.#wake();
  }

  #end(reason: unknown): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(reason);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#readers) wake();
    this.#readers.clear();
  }

  async #news(signal: AbortSignal | undefined): Promise<void> {
    const ended = this.#ended.signal;
    const goOn = (): void => {
      if (signal?.aborted === true) throw cancelled(signal, `config ${this.#name}`);
      ended.throwIfAborted();
    };
    goOn();
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        stopListening();
        this.#readers.delete(wake);
        resolve();
      };
      const stopListening = onAbort(signal, wake);
      this.#readers.add(wake);
    });
    goOn();
  }
}
