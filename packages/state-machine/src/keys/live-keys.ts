import type { Span } from './key-bytes.ts';

/** A bucket is split in two when it gets longer. A million keys make two to four thousand buckets. */
const maxBucket = 512;

/**
 * The keys that exist now, counted: how many lie in a range, without visiting them. An answer names the count of the whole range, also
 * one that gives the first ten of a million keys, and walking over the million would stop the member for half a second.
 * Sorted buckets of sorted keys: a count adds up the lengths of the buckets between its ends.
 */
export class LiveKeys {
  readonly #buckets: string[][] = [];

  add(key: string): void {
    const buckets = this.#buckets;
    if (buckets.length === 0) {
      buckets.push([key]);
      return;
    }
    const at = Math.max(0, this.#bucketOf(key));
    const bucket = buckets[at]!;
    const position = lowerBound(bucket, key);
    if (bucket[position] === key) return;
    bucket.splice(position, 0, key);
    if (bucket.length <= maxBucket) return;
    // Keys that come in order leave full buckets behind, not half empty ones.
    const cut = position === bucket.length - 1 ? bucket.length - 1 : bucket.length >>> 1;
    buckets.splice(at + 1, 0, bucket.splice(cut));
  }

  delete(key: string): void {
    const at = this.#bucketOf(key);
    if (at < 0) return;
    const bucket = this.#buckets[at]!;
    const position = lowerBound(bucket, key);
    if (bucket[position] !== key) return;
    bucket.splice(position, 1);
    if (bucket.length === 0) this.#buckets.splice(at, 1);
  }

  count({ low, high }: Span): number {
    if (low >= high || this.#buckets.length === 0) return 0;
    const first = Math.max(0, this.#bucketOf(low));
    const last = this.#bucketOf(high);
    if (last < 0) return 0;
    let count = lowerBound(this.#buckets[last]!, high) - lowerBound(this.#buckets[first]!, low);
    for (let at = first; at < last; at++) count += this.#buckets[at]!.length;
    return count;
  }

  /** The last bucket that begins at or before `key`; -1 when all begin behind it. */
  #bucketOf(key: string): number {
    const buckets = this.#buckets;
    let low = 0;
    let high = buckets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (buckets[middle]![0]! <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** Position of the first element that is not below `key`. */
function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
