// Makes a contradiction readable: of a history that has no explanation, the few operations that have none by themselves.
import type { HistoryRecord } from './record.ts';

type Timed = Extract<HistoryRecord, { call_ns: number }>;

/** Only explanations cost this much; a verdict does not wait for them. */
const maxAttempts = 200;

/** The shortest beginning of the history (by returns) that is already wrong. What had not returned by then is unknown. */
export function wrongBeginning<R extends Timed>(
  records: readonly R[],
  isWrong: (records: readonly R[]) => boolean,
): R[] {
  const returns = records
    .flatMap((record) => ('out' in record && record.return_ns !== undefined ? [record.return_ns] : []))
    .toSorted((a, b) => a - b);
  let right = -1;
  let wrong = returns.length - 1;
  while (wrong - right > 1) {
    const middle = (wrong + right) >> 1;
    if (isWrong(knownAt(records, returns[middle] as number))) wrong = middle;
    else right = middle;
  }
  return knownAt(records, returns[wrong] ?? Number.POSITIVE_INFINITY);
}

function knownAt<R extends Timed>(records: readonly R[], ns: number): R[] {
  return records
    .filter((record) => record.call_ns <= ns)
    .map((record) => {
      if (!('out' in record) || record.return_ns === undefined || record.return_ns <= ns) return record;
      const { out: _, ...rest } = record;
      return { ...rest, status: 'unknown' };
    }) as R[];
}

/** The latest moment at which nothing was in flight and from which on the history is wrong by itself. */
export function wrongEnd<R extends Timed>(records: readonly R[], isWrong: (records: readonly R[]) => boolean): R[] {
  const answered = records.filter((record) => 'out' in record).toSorted((a, b) => a.call_ns - b.call_ns);
  const quiet: number[] = [];
  let lastReturnNs = Number.NEGATIVE_INFINITY;
  for (const record of answered) {
    if (record.call_ns > lastReturnNs) quiet.push(record.call_ns);
    if ('return_ns' in record) lastReturnNs = Math.max(lastReturnNs, record.return_ns ?? lastReturnNs);
  }
  const from = (ns: number): R[] => records.filter((record) => !('out' in record) || record.call_ns >= ns);
  let wrong = -1;
  let right = quiet.length;
  while (right - wrong > 1) {
    const middle = (wrong + right) >> 1;
    if (isWrong(from(quiet[middle] as number))) wrong = middle;
    else right = middle;
  }
  return wrong < 0 ? [...records] : from(quiet[wrong] as number);
}

/** Leaves out as many groups as possible, large pieces first (delta debugging); the order of the rest stays. */
export function shrink<G>(groups: readonly G[], isWrong: (groups: readonly G[]) => boolean): G[] {
  let kept = [...groups];
  let piece = kept.length >> 1;
  let attempts = 0;
  while (piece >= 1) {
    let start = 0;
    while (start < kept.length && attempts < maxAttempts) {
      const without = [...kept.slice(0, start), ...kept.slice(start + piece)];
      attempts++;
      if (isWrong(without)) kept = without;
      else start += piece;
    }
    piece >>= 1;
  }
  return kept;
}
