/** What became of the acknowledged writes. */
export interface Verified {
  /** Writes that the cluster has acknowledged, warm-up included. */
  readonly acknowledged: number;
  /** Of those, how many it does not show any more. 0, or the cluster has broken its first promise. */
  readonly missing: number;
  /** Writes that took effect more often than they were made. 0, or exactly once is broken. */
  readonly repeated: number;
  /** Keys left out, because too many writes of unknown outcome could not all be remembered. */
  readonly unchecked: number;
}

export interface LoadReport {
  readonly work: string;
  readonly opsPerSecond: number;
  /** From the intended start to the answer, of operations that were answered. */
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Acknowledged in the measured time. */
  readonly operations: number;
  /** Operations of the whole run that failed. */
  readonly errors: number;
  readonly errorsByCode: Readonly<Record<string, number>>;
  /** Those of the errors of which nobody knows whether they took effect. */
  readonly unknown: number;
  /** The longest time without an acknowledged operation, from the first one to the end of the run. */
  readonly longestGapMs: number;
  /** Of an open loop: operations that should have begun and did not, because all workers were waiting. */
  readonly notStarted: number;
  /** CPU of this process, user and system, for each operation of the measured time. */
  readonly clientCpuMicrosPerOp: number;
  /** Null: it was not asked for, or the work writes nothing. */
  readonly verified: Verified | null;
}

export interface LoadProgress {
  readonly phase: 'fill' | 'warm-up' | 'measure' | 'verify' | 'tidy';
  readonly elapsedMs: number;
  /** Acknowledged since the start, warm-up included. */
  readonly operations: number;
  /** Acknowledged per second since the last progress. */
  readonly opsPerSecond: number;
  readonly errors: number;
}
