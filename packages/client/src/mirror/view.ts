import type { KeyRange, Revision } from '@conclave/protocol';
import { ConclaveError } from '../error.ts';
import type { Entry } from '../keys/entry.ts';
import { type Key, KeySpace, type Selector, shown } from '../keys/key-space.ts';
import { toBytes } from '../text.ts';
import { nameOf, type SortedEntries } from './sorted-entries.ts';

/** What a mirror held at one revision, for as long as you keep it. Iterates in the order of the keys' bytes. */
export interface MirrorView extends Iterable<Entry> {
  readonly revision: Revision;
  /** Number of keys. */
  readonly size: number;
  /** Null: there is no such key. Throws INVALID_ARGUMENT for a key that is not mirrored: whether that exists nobody here knows. */
  get(key: Key): Entry | null;
  /** Those of the mirrored keys that `selector` names, in the order of their keys; all of them, if not given. */
  list(selector?: Selector, options?: MirrorListOptions): Entry[];
}

export interface MirrorListOptions {
  readonly limit?: number;
  /** From the last key to the first. */
  readonly reverse?: boolean;
}

/** Keys as names. `high` null: to the last. */
export interface NameRange {
  readonly low: string;
  readonly high: string | null;
}

/** Also reserved keys, where one is mirrored. */
const everything: NameRange = { low: '', high: null };

/** The client's own word for a key: its namespace is not part of it. */
const ownKeys = new KeySpace();

export function nameRange({ end, key }: KeyRange): NameRange {
  const low = nameOf(key);
  if (end === null) return { low, high: `${low}\0` };
  // A range from the empty key on does not have the reserved ones.
  return { low: low === '' ? '\u0001' : low, high: end.length === 0 ? null : nameOf(end) };
}

export class View implements MirrorView {
  readonly revision: Revision;
  readonly entries: SortedEntries;
  readonly #mirrored: readonly NameRange[];

  constructor(revision: Revision, entries: SortedEntries, mirrored: readonly NameRange[]) {
    this.revision = revision;
    this.entries = entries;
    this.#mirrored = mirrored;
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: Key): Entry | null {
    const name = nameOf(toBytes(key));
    if (!this.#mirrored.some(({ high, low }) => name >= low && (high === null || name < high))) {
      throw new ConclaveError('INVALID_ARGUMENT', `mirror: ${shown(key)} is none of the keys that it mirrors`);
    }
    return this.entries.get(name);
  }

  list(selector?: Selector, options: MirrorListOptions = {}): Entry[] {
    const { limit = Number.POSITIVE_INFINITY, reverse = false } = options;
    const { high, low } = selector === undefined ? everything : nameRange(ownKeys.range(selector));
    const found: Entry[] = [];
    for (const { entry } of this.entries.range(low, high, reverse)) {
      if (found.length >= limit) break;
      found.push(entry);
    }
    return found;
  }

  *[Symbol.iterator](): Generator<Entry, void, void> {
    for (const { entry } of this.entries.range('', null, false)) yield entry;
  }

  with(revision: Revision, entries: SortedEntries): View {
    return new View(revision, entries, this.#mirrored);
  }
}
