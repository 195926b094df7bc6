import { type KeyRange, limits, type Range, type RangeResult, type Revision } from '@conclave/protocol';
import { waitingFor } from '../call.ts';
import type { ClientCore } from '../client-core.ts';
import { ConclaveError } from '../error.ts';
import { type Entry, entryOf, type KeyEntry } from './entry.ts';
import type { KeySpace, Selector } from './key-space.ts';
import { type ReadOptions, rangeOperation } from './read.ts';

export interface ListOptions extends ReadOptions {
  /** At most so many entries; all, if not given. */
  readonly limit?: number;
  /** From the last key to the first. */
  readonly reverse?: boolean;
  /** Entries without values. */
  readonly keysOnly?: boolean;
  /** No entries, only how many there are. */
  readonly countOnly?: boolean;
}

export interface List<E extends KeyEntry = Entry> {
  /** Of all pages: they show the same state. */
  readonly revision: Revision;
  readonly entries: readonly E[];
  /** The limit left some out. */
  readonly more: boolean;
  /** Of all keys in the range. */
  readonly count: number;
  readonly stalenessMs: number | null;
}

/** A promise of the whole list, or its entries one by one, read page by page as they are taken. The first page is asked for at once. */
export type Listing<E extends KeyEntry = Entry> = Promise<List<E>> & AsyncIterable<E>;

interface Page {
  readonly result: RangeResult;
  readonly stalenessMs: number | null;
}

/** Pages of one range at one revision: later ones are of the revision that the first one showed. */
class Pages {
  readonly #core: ClientCore;
  readonly #options: ListOptions;
  readonly #deadlineMs: number;
  #range: KeyRange;
  #left: number;
  #revision: Revision | null;

  constructor(core: ClientCore, range: KeyRange, options: ListOptions) {
    const { limit = Number.POSITIVE_INFINITY, revision = null } = options;
    if (!(limit > 0)) throw new ConclaveError('INVALID_ARGUMENT', `limit: ${limit}, it must be above 0`);
    this.#core = core;
    this.#options = options;
    this.#deadlineMs = waitingFor(core, options).deadlineMs;
    this.#range = range;
    this.#left = limit;
    this.#revision = revision;
  }

  /** There is more behind what was asked for so far, and it is asked for. */
  get goesOn(): boolean {
    return this.#left > 0;
  }

  async next(): Promise<Page> {
    const { consistency, countOnly = false, keysOnly = false, reverse = false, signal } = this.#options;
    const operation: Range = rangeOperation(this.#range, {
      revision: this.#revision,
      limit: this.#left > limits.maxRangeEntries ? 0 : this.#left,
      order: reverse ? 'descending' : 'ascending',
      keysOnly,
      countOnly,
    });
    const timeoutMs = Math.max(0, this.#deadlineMs - this.#core.environment.clock.nowMs());
    const waiting = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
    const { result, stalenessMs } = await this.#core.query('list', operation, { consistency, ...waiting });
    this.#left -= result.entries.length;
    this.#revision = result.revision;
    const last = result.entries.at(-1);
    if (!result.more || last === undefined) this.#left = 0;
    else if (reverse) this.#range = { key: this.#range.key, end: last.key };
    else this.#range = { key: behind(last.key), end: this.#range.end };
    return { result, stalenessMs };
  }
}

export function list(core: ClientCore, space: KeySpace, selector: Selector, options: ListOptions): Listing {
  const taken = { byIterator: false };
  const first = firstPage(core, space, selector, options);
  // Decided when the first page is there: `for await` has said by then that it takes the pages itself.
  const whole = (async (): Promise<List> => {
    const { page, pages } = await first;
    const { count, revision } = page.result;
    const entries = page.result.entries.map((entry) => entryOf(entry, space));
    let { more } = page.result;
    while (!taken.byIterator && pages.goesOn) {
      const { result } = await pages.next();
      for (const entry of result.entries) entries.push(entryOf(entry, space));
      more = result.more;
    }
    return { revision, entries, more, count, stalenessMs: page.stalenessMs };
  })();
  const iterate = async function* (): AsyncGenerator<Entry, void, void> {
    const { page, pages } = await first;
    for (let { result } = page; ; { result } = await pages.next()) {
      for (const entry of result.entries) yield entryOf(entry, space);
      if (!pages.goesOn) return;
    }
  };
  return Object.assign(whole, {
    [Symbol.asyncIterator]: (): AsyncIterator<Entry> => {
      taken.byIterator = true;
      // Whoever iterates is told there what is wrong.
      whole.catch(() => {});
      return iterate();
    },
  });
}

async function firstPage(
  core: ClientCore,
  space: KeySpace,
  selector: Selector,
  options: ListOptions,
): Promise<{ readonly pages: Pages; readonly page: Page }> {
  const pages = new Pages(core, space.range(selector), options);
  return { pages, page: await pages.next() };
}

/** The first key behind `key`. */
function behind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
