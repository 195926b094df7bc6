import type { BatchTimes } from './log-batches.ts';

/** DESIGN §5: a p99 above it means that `state/` moves to a process of its own. */
export const maxP99Ms = 50;

export interface CompactionRow extends BatchTimes {
  /** What LevelDB did beside it. */
  readonly beside: string;
}

/** Rows above the limit, and rows in which nothing was measured. */
export function failures(rows: readonly CompactionRow[]): readonly CompactionRow[] {
  return rows.filter(({ p99Ms }) => !(p99Ms <= maxP99Ms));
}

export function verdict(rows: readonly CompactionRow[]): string {
  const worst = Math.max(...rows.map(({ p99Ms }) => p99Ms));
  const failed = failures(rows);
  if (failed.length === 0) {
    return `p99 at most ${worst.toFixed(2)} ms, the limit is ${maxP99Ms} ms: log and state stay in one process`;
  }
  const which = failed.map(({ beside, entries, p99Ms }) => `${beside}, ${entries} entries: ${p99Ms.toFixed(2)} ms`);
  return `p99 above ${maxP99Ms} ms (${which.join('; ')}): the state must move to a process of its own`;
}
