import type { Revision } from '@conclave/protocol';
import { type CallOptions, type WriteOptions, waitingFor } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import type { Unsubscribe } from '../emitter.ts';
import { ConclaveError } from '../error.ts';
import type { KeySpace } from '../keys/key-space.ts';
import type { ConfigCache } from './cache.ts';
import { ConfigHandle } from './config-handle.ts';
import { type DocumentSpec, documentKey, type Shape } from './document.ts';
import type { SchemaIssue, Validates } from './standard-schema.ts';

/** Several of them are one `Config`: name, schema and default of each, under the field of `value` that is to have it. */
export interface ConfigDocument<T> {
  /** It stands under the key `config/NAME`. */
  readonly name: string;
  readonly schema: Validates<T>;
  /** As `ConfigOptions.default`. */
  readonly default?: NoInfer<T>;
}

export type ConfigDocuments<T> = { readonly [Field in keyof T]: ConfigDocument<T[Field]> };

export interface ConfigSetOptions extends CallOptions {
  /** Valid documents are saved there, and had from there when the cluster is away at the start, or has no valid ones: see `docs/configuration.md`. */
  readonly cache?: ConfigCache;
  /** How long the cluster is waited for before the cache is used, in milliseconds. 1,000, if not given. */
  readonly cacheAfterMs?: number;
}

export interface ConfigOptions<T> extends ConfigSetOptions {
  /** As long as there never was a valid document. Without it, `config` rejects then. */
  readonly default?: T;
}

export interface ConfigChange<T> {
  readonly value: T;
  /** What was given before this; changes in between are left out. */
  readonly previous: T;
  readonly revision: Revision;
  /** Who and why, as the writer said. Null also when several changes came as one. */
  readonly author: string | null;
  readonly reason: string | null;
}

export type ConfigEvents<T> = {
  readonly change: readonly [ConfigChange<T>];
  /** What is there now is not valid, or there is nothing any more; the value stays as it was. The last: the name of the document. */
  readonly invalid: readonly [readonly SchemaIssue[], Revision, string];
  /** The cache could not be read, or not be written, and was left alone. */
  readonly cacheFailed: readonly [unknown];
};

/** A document, or several at one revision, that is always at hand, always valid, and follows what is written to it. */
export interface Config<T> extends AsyncDisposable {
  /** The last valid one. Of several documents: as they were when all of them were valid. */
  readonly value: T;
  /** At which the newest of `value` was written. 0: it is the default. */
  readonly revision: Revision;
  /** Since a member last said that nothing is missing. From the cache: since it was saved, by the wall clock. */
  readonly staleMs: number;
  /** The cluster has not been heard of since the start, or has nothing valid: `value` is what was saved. */
  readonly fromCache: boolean;
  /** Aborts when it follows no longer: it was closed, or its client. */
  readonly signal: AbortSignal;
  /** The changes from now on. A slow reader sees the latest, not each. */
  changes(options?: { readonly signal?: AbortSignal }): AsyncIterable<ConfigChange<T>>;
  on<E extends keyof ConfigEvents<T>>(event: E, listener: (...values: ConfigEvents<T>[E]) => void): Unsubscribe;
  /**
   * Reads, changes and writes what `change` returns, again until nobody else wrote in between: at one revision, also several documents. What is the
   * same as before is not written. Answers the revision; `value` has it by then, unless the time was over.
   */
  update(change: (current: T) => T | Promise<T>, options?: WriteOptions): Promise<Revision>;
  close(): Promise<void>;
}

/** Resolves when there is a valid value. */
export async function openConfig<T>(
  core: ClientCore,
  space: KeySpace,
  name: string,
  schema: Validates<T>,
  options: ConfigOptions<T>,
): Promise<Config<T>> {
  const fallback = 'default' in options ? { value: options.default } : null;
  const shape: Shape<T> = {
    documents: [{ name, key: documentKey(name), schema, fallback }],
    assemble: ([value]) => value as T,
    split: (value) => [value],
  };
  return open(core, space, shape, options);
}

/** Resolves when all of them are valid. */
export async function openConfigs<T>(
  core: ClientCore,
  space: KeySpace,
  documents: ConfigDocuments<T>,
  options: ConfigSetOptions,
): Promise<Config<T>> {
  const fields = Object.entries<ConfigDocument<unknown>>(documents);
  if (new Set(fields.map(([, { name }]) => name)).size < fields.length) {
    throw new ConclaveError('INVALID_ARGUMENT', 'config: a document is named twice');
  }
  const shape: Shape<T> = {
    documents: fields.map(([, document]): DocumentSpec => {
      const { name, schema } = document;
      const fallback = 'default' in document ? { value: document.default } : null;
      return { name, key: documentKey(name), schema, fallback };
    }),
    assemble: (values) => Object.fromEntries(fields.map(([field], at) => [field, values[at]])) as T,
    split: (value) => fields.map(([field]) => value[field as keyof T]),
  };
  return open(core, space, shape, options);
}

async function open<T>(
  core: ClientCore,
  space: KeySpace,
  shape: Shape<T>,
  options: ConfigSetOptions,
): Promise<Config<T>> {
  const waiting = waitingFor(core, options);
  const config = new ConfigHandle(core, space, shape, options.cache ?? null);
  try {
    await config.begin(waiting, options.cacheAfterMs);
    return config;
  } catch (error) {
    await config.close();
    throw error;
  }
}
