import type { Revision } from '@conclave/protocol';
import type { KeyNode } from './key-version.ts';

/** The front is cut off for good when at least so much, and half of all, has been dropped. */
const minCut = 1_024;

/**
 * Which keys changed at which revision, in order: what a watch needs to resume, and compaction to find what it may remove without
 * walking over all keys. 16 bytes a change.
 */
export class Timeline {
  #revisions: Revision[] = [];
  #nodes: KeyNode[] = [];
  #start = 0;

  /** Number of changes. */
  get length(): number {
    return this.#revisions.length - this.#start;
  }

  append(revision: Revision, node: KeyNode): void {
    this.#revisions.push(revision);
    this.#nodes.push(node);
  }

  revision(at: number): Revision {
    return this.#revisions[this.#start + at]!;
  }

  node(at: number): KeyNode {
    return this.#nodes[this.#start + at]!;
  }

  /** Position of the first change at or after `revision`. */
  find(revision: Revision): number {
    const revisions = this.#revisions;
    let low = this.#start;
    let high = revisions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (revisions[middle]! < revision) low = middle + 1;
      else high = middle;
    }
    return low - this.#start;
  }

  /** Forgets the first `count` changes. */
  drop(count: number): void {
    this.#start += count;
    if (this.#start < minCut || this.#start * 2 < this.#revisions.length) return;
    this.#revisions = this.#revisions.slice(this.#start);
    this.#nodes = this.#nodes.slice(this.#start);
    this.#start = 0;
  }
}
