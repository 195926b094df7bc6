// The resource behind a lock: once it has accepted a fencing token it accepts no smaller one, which is what makes a holder that
// does not know that it lost its lock harmless.
import type { HistoryRecord, OperationRecord } from './record.ts';
import { showRecords, type Verdict, type Violation } from './verdict.ts';

type Used = Extract<OperationRecord<'use'>, { status: 'ok' }>;

export function checkFences(records: readonly HistoryRecord[]): Verdict {
  const uses = records.filter((record): record is Used => record.op === 'use' && record.status === 'ok');
  const byResource = new Map<string, Used[]>();
  for (const use of uses) byResource.set(use.key, [...(byResource.get(use.key) ?? []), use]);
  const violations: Violation[] = [...unheld(uses, records)];
  for (const [resource, used] of byResource) {
    for (const { rule, message } of inOrder(used)) violations.push({ rule, message: `${resource}: ${message}` });
  }
  return { checker: 'fences', judged: uses.length, violations, undecided: [] };
}

function* inOrder(uses: readonly Used[]): Generator<Violation> {
  let previous: Used | undefined;
  let largest: Used | undefined;
  for (const use of uses.toSorted((a, b) => a.out.seq - b.out.seq)) {
    if (previous?.out.seq === use.out.seq) {
      yield { rule: 'use-order', message: `two uses have place ${use.out.seq}\n${showRecords([previous, use])}` };
    }
    previous = use;
    if (!use.out.accepted) continue;
    if (largest !== undefined && use.in.token < largest.in.token) {
      const message = `token ${use.in.token} was accepted after token ${largest.in.token}`;
      yield { rule: 'fence-passed', message: `${message}\n${showRecords([largest, use])}` };
    }
    if (largest === undefined || use.in.token > largest.in.token) largest = use;
  }
}

/** A use with a token that nobody was given: the history or the client is wrong. */
function* unheld(uses: readonly Used[], records: readonly HistoryRecord[]): Generator<Violation> {
  const given = new Set<string>();
  const unanswered = new Set<string>();
  for (const record of records) {
    if (record.op !== 'acquire') continue;
    if (record.status === 'ok') given.add(`${record.out.token} ${record.in.owner}`);
    if (record.status === 'unknown') unanswered.add(record.in.owner);
  }
  // A test of fences alone may record no acquires.
  if (given.size === 0) return;
  for (const use of uses) {
    if (given.has(`${use.in.token} ${use.in.owner}`) || unanswered.has(use.in.owner)) continue;
    yield { rule: 'token-invented', message: `a token that nobody was given\n${showRecords([use])}` };
  }
}
