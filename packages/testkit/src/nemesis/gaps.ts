import type { HistoryRecord } from '../history/record.ts';

const nsPerMs = 1e6;

/** The longest time in which nobody was told that a write had succeeded. */
export function longestGapMs(records: readonly HistoryRecord[]): number {
  const acknowledgedNs = records
    .flatMap((record) => (record.op === 'put' && record.status === 'ok' ? [record.return_ns] : []))
    .toSorted((a, b) => a - b);
  const gaps = acknowledgedNs.slice(1).map((ns, at) => ns - (acknowledgedNs[at] ?? ns));
  return gaps.reduce((longest, gap) => Math.max(longest, gap), 0) / nsPerMs;
}
