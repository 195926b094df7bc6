import { limits } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import type { Entry } from '../keys/entry.ts';

/** An entry under a text that orders as the bytes of its key do: one character a byte. */
export interface Item {
  readonly name: string;
  readonly entry: Entry;
}

type Chunk = readonly Item[];

/** Of what is longer than any key only as much as it takes to stand where it would. */
export function nameOf(key: Uint8Array): string {
  return String.fromCharCode(...key.subarray(0, limits.maxKeyBytes + 1));
}

/** What one entry takes of the memory, about: its key twice, its value, and what JavaScript adds. */
function weightOf({ entry, name }: Item): number {
  return 2 * name.length + entry.value.length + bounds.mirrorEntryBytes;
}

/** So many at most stand in one chunk; a draft copies the chunks that it touches. */
const maxChunk = 512;

/** Entries in the order of their keys. Never changed: a draft of it makes another one, which shares every chunk that was not touched. */
export class SortedEntries {
  static readonly empty: SortedEntries = new SortedEntries([], 0, 0);

  /** None is empty. */
  readonly chunks: readonly Chunk[];
  readonly size: number;
  readonly bytes: number;

  constructor(chunks: readonly Chunk[], size: number, bytes: number) {
    this.chunks = chunks;
    this.size = size;
    this.bytes = bytes;
  }

  get(name: string): Entry | null {
    const chunk = this.chunks[chunkFor(this.chunks, name)];
    const item = chunk?.[placeIn(chunk, name)];
    return item?.name === name ? item.entry : null;
  }

  /** Those from `low` on and before `high`; null: to the last. */
  *range(low: string, high: string | null, reverse: boolean): Generator<Item, void, void> {
    const step = reverse ? -1 : 1;
    const { chunks } = this;
    const first = reverse && high === null ? chunks.length - 1 : chunkFor(chunks, reverse ? (high ?? '') : low);
    for (let at = first; at >= 0 && at < chunks.length; at += step) {
      const chunk = chunks[at] as Chunk;
      for (let place = reverse ? chunk.length - 1 : 0; place >= 0 && place < chunk.length; place += step) {
        const item = chunk[place] as Item;
        const [isAbove, isBelow] = [high !== null && item.name >= high, item.name < low];
        if (reverse ? isBelow : isAbove) return;
        if (!isAbove && !isBelow) yield item;
      }
    }
  }

  draft(): Draft {
    return new Draft(this);
  }
}

/** Changes that become visible all at once, by `finish`. */
export class Draft {
  readonly #chunks: Chunk[];
  /** Made here, and so may be changed. */
  readonly #own = new Set<Chunk>();
  #size: number;
  #bytes: number;

  constructor({ bytes, chunks, size }: SortedEntries) {
    this.#chunks = [...chunks];
    this.#size = size;
    this.#bytes = bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What stood there before. */
  put(item: Item): Entry | null {
    return this.#replace(item.name, item);
  }

  delete(name: string): Entry | null {
    return this.#replace(name, null);
  }

  #replace(name: string, item: Item | null): Entry | null {
    const at = chunkFor(this.#chunks, name);
    const place = placeIn(this.#chunks[at] ?? [], name);
    const found = this.#chunks[at]?.[place];
    const there = found?.name === name ? found : null;
    if (there === null && item === null) return null;
    const chunk = this.#ownChunk(at);
    chunk.splice(place, there === null ? 0 : 1, ...(item === null ? [] : [item]));
    this.#size += (item === null ? 0 : 1) - (there === null ? 0 : 1);
    this.#bytes += (item === null ? 0 : weightOf(item)) - (there === null ? 0 : weightOf(there));
    if (chunk.length === 0) this.#chunks.splice(at, 1);
    if (chunk.length > maxChunk) this.#split(at, chunk);
    return there?.entry ?? null;
  }

  #ownChunk(at: number): Item[] {
    const there = this.#chunks[at] ?? [];
    if (this.#own.has(there)) return there as Item[];
    const copy = [...there];
    this.#own.add(copy);
    this.#chunks[at] = copy;
    return copy;
  }

  #split(at: number, chunk: Item[]): void {
    const behind = chunk.splice(chunk.length / 2);
    this.#own.add(behind);
    this.#chunks.splice(at + 1, 0, behind);
  }

  /** The draft is not used any more after this. */
  finish(): SortedEntries {
    return new SortedEntries(this.#chunks, this.#size, this.#bytes);
  }
}

/** Where `name` stands or would stand: in the last chunk that does not begin behind it, or the first. */
function chunkFor(chunks: readonly Chunk[], name: string): number {
  return Math.max(0, firstWhere(chunks.length, (at) => ((chunks[at] as Chunk)[0] as Item).name > name) - 1);
}

function placeIn(chunk: Chunk, name: string): number {
  return firstWhere(chunk.length, (at) => (chunk[at] as Item).name >= name);
}

/** The first of so many places of which it is true; it is of all behind that, too. */
function firstWhere(count: number, isTrue: (at: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isTrue(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
