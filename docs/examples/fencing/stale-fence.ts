/**
 * What a store needs to know of a hold: `Lock` and `Leadership` of @conclave/client are such. All who write to one thing name the same lock, so a
 * hold of several (`lockAll`) is given as `{ name: 'a', fence: both.fence }`: its own name is made of all of theirs.
 */
export interface FencedBy {
  readonly name: string;
  /** A safe integer above 0, beyond 2^40 after a restore: keep it in 64 bits, or in a double. */
  readonly fence: number;
}

/** Somebody was granted the lock after this holder, and has been here. Nothing was written; nothing will be under this fence. */
export class StaleFence extends Error {
  readonly lock: string;
  readonly fence: number;

  constructor({ fence, name }: FencedBy) {
    super(`${name}: fence ${fence} is smaller than one that was here already`);
    this.name = 'StaleFence';
    this.lock = name;
    this.fence = fence;
  }
}
