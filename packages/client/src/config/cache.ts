import type { Revision } from '@conclave/protocol';
import { ConclaveError } from '../error.ts';
import { type Document, type DocumentSpec, explained, readDocument } from './document.ts';

/** Where documents are kept between two starts: a file (`@conclave/client/file-cache`), the storage of a browser, whatever keeps a text. */
export interface ConfigCache {
  /** What was saved last. Null: nothing. Rejects when it is damaged. */
  load(): Promise<string | null>;
  /** Replaces it, all or nothing. One call at a time. */
  save(text: string): Promise<void>;
}

/** A document as it stood at a revision. */
export interface Saved {
  readonly text: string;
  readonly revision: Revision;
}

export interface Cached {
  /** By the wall clock of whoever saved it. */
  readonly savedMs: number;
  /** In the order of the documents; null: it has a default, and was not there. */
  readonly documents: readonly (Saved | null)[];
  readonly values: readonly unknown[];
}

const format = 1;

export function encodeCache(
  savedMs: number,
  specs: readonly DocumentSpec[],
  documents: readonly (Saved | null)[],
): string {
  const named = specs.map(({ name }, at) => [name, documents[at] ?? null] as const);
  return JSON.stringify({ format, savedMs, documents: Object.fromEntries(named) });
}

/** What was saved must be valid by the schema of today. Throws what is wrong. */
export async function decodeCache(text: string, specs: readonly DocumentSpec[]): Promise<Cached> {
  const saved: unknown = JSON.parse(text);
  if (!isObject(saved) || saved['format'] !== format || typeof saved['savedMs'] !== 'number')
    throw wrong('its format is unknown');
  const all = saved['documents'];
  if (!isObject(all)) throw wrong('its format is unknown');
  const documents: (Saved | null)[] = [];
  const values: unknown[] = [];
  for (const spec of specs) {
    const found = savedOf(Object.hasOwn(all, spec.name) ? all[spec.name] : null);
    const document: Document = await readDocument(found?.text ?? null, spec);
    if (document.issues !== null && (found !== null || spec.fallback === null)) {
      throw wrong(`${spec.name}: ${explained(document.issues)}`);
    }
    documents.push(found);
    values.push(document.issues === null ? document.value : spec.fallback?.value);
  }
  return { savedMs: saved['savedMs'], documents, values };
}

function savedOf(found: unknown): Saved | null {
  if (found === null) return null;
  if (!isObject(found)) throw wrong('its format is unknown');
  const { revision, text } = found;
  if (typeof revision !== 'number' || typeof text !== 'string') throw wrong('its format is unknown');
  return { revision, text };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function wrong(what: string): ConclaveError {
  return new ConclaveError('INVALID_ARGUMENT', `cache: ${what}`);
}

/** Saves the newest of what it is given, one after the other. */
export class CacheWriter {
  readonly #cache: ConfigCache;
  readonly #failed: (error: unknown) => void;
  #next: string | null = null;
  #writing: Promise<void> | null = null;

  constructor(cache: ConfigCache, failed: (error: unknown) => void) {
    this.#cache = cache;
    this.#failed = failed;
  }

  save(text: string): void {
    this.#next = text;
    this.#writing ??= this.#write();
  }

  /** Nothing is on its way any more. Never rejects. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#next !== null) {
      const text = this.#next;
      this.#next = null;
      try {
        await this.#cache.save(text);
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#writing = null;
  }
}
