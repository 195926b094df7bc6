import type { LogPosition, SnapshotMeta } from '@conclave/core';

/** What a log must know of the state beside it. */
export interface StateBeside {
  /** Of the last durable checkpoint: the log is never truncated beyond it. */
  readonly checkpointed: LogPosition | null;

  /**
   * The generation that a persist job is about to switch to: from now on the staging cannot be aborted or replaced. Throws `misuse` unless
   * it is finished and of this snapshot.
   */
  claim(snapshot: SnapshotMeta): number;

  /** The log has switched, durably: what was claimed is the state now. */
  adopt(): void;
}
