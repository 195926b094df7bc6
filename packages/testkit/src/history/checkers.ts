// All checkers over one history.
import { checkFences } from './fences.ts';
import { checkLinearizability, type LinearizabilityOptions } from './linearizability.ts';
import { checkLocks, type LockOptions } from './locks.ts';
import type { HistoryRecord } from './record.ts';
import { checkRevisions, type RevisionOptions } from './revisions.ts';
import { checkTruth } from './truth.ts';
import type { Verdict } from './verdict.ts';
import { checkWatches, type WatchOptions } from './watches.ts';

export interface CheckOptions extends LinearizabilityOptions, LockOptions, RevisionOptions, WatchOptions {}

export function checkHistory(records: readonly HistoryRecord[], options: CheckOptions = {}): Verdict[] {
  return [
    checkLinearizability(records, options),
    checkRevisions(records, options),
    checkLocks(records, options),
    checkFences(records),
    checkTruth(records),
    checkWatches(records, options),
  ];
}

export class HistoryViolation extends Error {
  override readonly name = 'HistoryViolation';
}

/** For a test: throws when a checker reports a violation or cannot decide, and says which. */
export function assertHistory(records: readonly HistoryRecord[], options: CheckOptions = {}): void {
  const report = checkHistory(records, options).flatMap(({ checker, violations, undecided }) => [
    ...violations.map(({ rule, message }) => `${checker} (${rule}): ${message}`),
    ...undecided.map((what) => `${checker} (undecided): ${what}`),
  ]);
  if (report.length > 0) throw new HistoryViolation(report.join('\n'));
}
