import type { Revision } from '@conclave/protocol';
import type { KeyNode, KeyVersion } from '../keys/key-version.ts';
import type { RevisionOrigin } from '../records/history-record.ts';

export interface PinnedChange {
  readonly node: KeyNode;
  readonly version: KeyVersion;
  /** The put that it replaced or deleted. */
  readonly previous: KeyVersion | null;
}

export interface PinnedRevision {
  readonly revision: Revision;
  readonly origin: RevisionOrigin;
  readonly changes: readonly PinnedChange[];
}

/** Revisions whose records no durable checkpoint holds yet, oldest first. Bounded by how often the member takes checkpoints. */
export class PinnedHistory {
  #revisions: PinnedRevision[] = [];
  /** So many of them are encoded. */
  #encoded = 0;

  get length(): number {
    return this.#revisions.length;
  }

  push(revision: PinnedRevision): void {
    this.#revisions.push(revision);
  }

  find(revision: Revision): PinnedRevision | undefined {
    const revisions = this.#revisions;
    let low = 0;
    let high = revisions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (revisions[middle]!.revision < revision) low = middle + 1;
      else high = middle;
    }
    const found = revisions[low];
    return found?.revision === revision ? found : undefined;
  }

  /** Those not encoded yet; the caller encodes them now. */
  takeUnencoded(): readonly PinnedRevision[] {
    const fresh = this.#revisions.slice(this.#encoded);
    this.#encoded = this.#revisions.length;
    return fresh;
  }

  /** Their records are durable: the values need not stay in memory. */
  releaseUpTo(revision: Revision): void {
    let count = 0;
    for (const pinned of this.#revisions) {
      if (pinned.revision > revision) break;
      for (const change of pinned.changes) change.version.value = null;
      count += 1;
    }
    if (count === 0) return;
    this.#revisions = this.#revisions.slice(count);
    this.#encoded -= count;
  }

  /** Everything at or before it is durable. */
  durableBefore(last: Revision): Revision {
    const first = this.#revisions[0];
    return first === undefined ? last : first.revision - 1;
  }
}
