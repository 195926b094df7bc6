// What a checker says, and how it shows the records it speaks of.
import type { HistoryRecord, Json } from './record.ts';

export interface Violation {
  /** The rule that was broken, as listed in docs/testing.md. */
  readonly rule: string;
  /** For a reader who has the history before him. */
  readonly message: string;
}

export interface Verdict {
  readonly checker: string;
  /** How many records it judged: a verdict over nothing proves nothing. */
  readonly judged: number;
  readonly violations: readonly Violation[];
  /** What could not be decided within the budget or for want of records. */
  readonly undecided: readonly string[];
}

const maxShownRecords = 16;

/** The records that contradict each other, one a line, in the order of their calls. */
export function showRecords(records: readonly HistoryRecord[]): string {
  const ordered = records.toSorted((a, b) => callNs(a) - callNs(b));
  const shown = ordered.slice(0, maxShownRecords).map((record) => `  ${showRecord(record)}`);
  if (ordered.length > maxShownRecords) shown.push(`  … and ${ordered.length - maxShownRecords} more`);
  return shown.join('\n');
}

export function showRecord(record: HistoryRecord): string {
  const parts: string[] = [];
  if ('client' in record && record.client !== undefined) parts.push(record.client);
  if ('watch' in record) parts.push(record.watch);
  parts.push(record.op);
  if ('key' in record && record.key !== null && record.key !== undefined) parts.push(record.key);
  if ('in' in record) parts.push(compact(record.in));
  if ('out' in record) parts.push('→', compact(record.out));
  if ('status' in record && record.status !== 'ok') parts.push(record.status ?? 'unknown');
  for (const field of ['rev', 'type', 'value', 'batch', 'start_rev', 'compact_rev', 'caught_up_rev'] as const) {
    const value = (record as Partial<Record<typeof field, Json>>)[field];
    if (value !== undefined) parts.push(`${field} ${JSON.stringify(value)}`);
  }
  if ('call_ns' in record) {
    const end = 'return_ns' in record && 'out' in record ? record.return_ns : undefined;
    parts.push(end === undefined ? `[${record.call_ns} …]` : `[${record.call_ns} … ${end}]`);
  }
  return parts.join(' ');
}

function compact(value: object): string {
  return JSON.stringify(value).replaceAll('"', '');
}

function callNs(record: HistoryRecord): number {
  return 'call_ns' in record ? record.call_ns : 0;
}
