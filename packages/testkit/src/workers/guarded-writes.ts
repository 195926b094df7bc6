// Writes of one key under the guard of one lock: what the cluster itself must have made of them.

import { HistoryViolation } from '../history/checkers.ts';
import type { HistoryRecord, OperationRecord } from '../history/record.ts';

/**
 * `truth`: all changes of the key, in the order of the log. Each value begins with the fence that it was written under. Every acknowledged write is
 * there once, no refused one is, and no fence comes after a larger one.
 */
export function checkGuardedWrites(puts: readonly OperationRecord<'put'>[], truth: readonly HistoryRecord[]): void {
  const values = truth.flatMap((event) => (event.op === 'event' && event.type === 'put' ? [textOf(event.value)] : []));
  const times = new Map<string, number>();
  for (const value of values) times.set(value, (times.get(value) ?? 0) + 1);
  const report: string[] = [];
  for (const put of puts) {
    const value = textOf(put.in.value);
    const found = times.get(value) ?? 0;
    if (put.status === 'ok' && found !== 1) report.push(`acknowledged, and there ${found} times: ${value}`);
    if (put.status === 'fail' && found !== 0) report.push(`refused, and there: ${value}`);
  }
  for (const [value, found] of times) if (found > 1) report.push(`there ${found} times: ${value}`);
  let largest = 0;
  for (const value of values) {
    const fence = Number.parseInt(value, 10);
    if (fence < largest) report.push(`written under fence ${fence} after fence ${largest}: ${value}`);
    largest = Math.max(largest, fence);
  }
  if (report.length > 0) throw new HistoryViolation(report.join('\n'));
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error(`a guarded write of something else than text: ${JSON.stringify(value)}`);
}
