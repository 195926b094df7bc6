// Every key is a linearizable register. Keys are judged apart (Herlihy and Wing: linearizability is local), which is what makes
// long histories cheap. What revisions say across keys is in revisions.ts.
import { canonical, type HistoryRecord, type Json, type KeyOperationName, type OperationRecord } from './record.ts';
import { absent, anything, type KeyRecord, movesOfKey } from './register.ts';
import { defaultMaxConfigurations, search } from './search.ts';
import { showRecord, showRecords, type Verdict, type Violation } from './verdict.ts';
import { shrink, wrongBeginning, wrongEnd } from './window.ts';

export interface LinearizabilityOptions {
  /** Per key. Beyond it the key is reported as undecided. */
  readonly maxConfigurations?: number;
}

interface KeyHistory {
  init: Json;
  readonly records: KeyRecord[];
}

export function checkLinearizability(records: readonly HistoryRecord[], options: LinearizabilityOptions = {}): Verdict {
  const maxConfigurations = options.maxConfigurations ?? defaultMaxConfigurations;
  const violations: Violation[] = [];
  const undecided: string[] = [];
  let judged = 0;
  for (const [key, history] of historiesOfKeys(records)) {
    judged += history.records.length;
    const invented = readsOfNeverWritten(history);
    for (const violation of invented.violations)
      violations.push({ ...violation, message: `${key}: ${violation.message}` });
    const rest = history.records.filter((record) => !invented.reads.has(record));
    const outcome = search(movesOfKey(rest, history.init), stateOf(history.init), maxConfigurations);
    if (outcome.kind === 'undecided')
      undecided.push(`${key}: no answer after ${outcome.configurations} configurations`);
    if (outcome.kind === 'impossible') {
      violations.push({ rule: 'not-linearizable', message: explain(key, rest, history.init, maxConfigurations) });
    }
  }
  return { checker: 'linearizability', judged, violations, undecided };
}

export function isKeyRecord(record: HistoryRecord): record is KeyRecord {
  const names: readonly string[] = ['get', 'get_stale', 'put', 'cas', 'delete'] satisfies KeyOperationName[];
  return names.includes(record.op);
}

function historiesOfKeys(records: readonly HistoryRecord[]): Map<string, KeyHistory> {
  const histories = new Map<string, KeyHistory>();
  for (const record of records) {
    if (record.op !== 'init' && !isKeyRecord(record)) continue;
    const history = histories.get(record.key) ?? { init: null, records: [] };
    histories.set(record.key, history);
    if (record.op === 'init') history.init = record.in.value;
    else history.records.push(record);
  }
  return histories;
}

function isWrite(record: KeyRecord): record is OperationRecord<'put' | 'cas' | 'delete'> {
  return record.status !== 'fail' && record.op !== 'get' && record.op !== 'get_stale';
}

/** The first value has the first number (see movesOfKey). */
function stateOf(init: Json): number {
  return init === null ? absent : 1;
}

/** Reads of values that no operation can have left: never written, written only by a failed operation, or written later. */
function readsOfNeverWritten(history: KeyHistory): { reads: Set<KeyRecord>; violations: Violation[] } {
  const firstWriteNs = new Map<string, number>();
  const refused = new Map<string, KeyRecord>();
  if (history.init !== null) firstWriteNs.set(canonical(history.init), Number.NEGATIVE_INFINITY);
  for (const record of history.records) {
    if (record.op !== 'put' && record.op !== 'cas') continue;
    const value = canonical(record.in.value);
    if (record.status === 'fail' || (record.status === 'ok' && record.op === 'cas' && !record.out.swapped)) {
      refused.set(value, record);
      continue;
    }
    firstWriteNs.set(value, Math.min(firstWriteNs.get(value) ?? Number.POSITIVE_INFINITY, record.call_ns));
  }
  const reads = new Set<KeyRecord>();
  const violations: Violation[] = [];
  for (const record of history.records) {
    const seen = valueSeen(record);
    if (record.status !== 'ok' || seen === undefined || seen === null) continue;
    const writtenNs = firstWriteNs.get(canonical(seen));
    if (writtenNs !== undefined && writtenNs <= record.return_ns) continue;
    reads.add(record);
    const failed = refused.get(canonical(seen));
    const why =
      writtenNs !== undefined
        ? 'before it was written'
        : failed !== undefined
          ? `which only an operation without effect would have written:\n  ${showRecord(failed)}`
          : 'which nobody ever wrote';
    violations.push({ rule: 'never-written', message: `a value was read ${why}\n  ${showRecord(record)}` });
  }
  return { reads, violations };
}

function valueSeen(record: KeyRecord): Json | undefined {
  if (record.status !== 'ok') return undefined;
  switch (record.op) {
    case 'get':
    case 'get_stale':
      return record.out.value;
    case 'put':
      return record.out.prev;
    case 'cas':
      return record.out.swapped ? record.in.expect : record.out.value;
    case 'delete':
      return undefined;
  }
}

/** The shortest wrong beginning, of it the shortest wrong end, and of that the reads that are needed. */
function explain(key: string, records: readonly KeyRecord[], init: Json, maxConfigurations: number): string {
  const isWrongFrom =
    (state: number) =>
    (some: readonly KeyRecord[]): boolean =>
      search(movesOfKey(some, init), state, maxConfigurations).kind === 'impossible';
  const beginning = wrongBeginning(records, isWrongFrom(stateOf(init)));
  const fromAnything = isWrongFrom(anything);
  const standsAlone = fromAnything(beginning);
  const isWrong = standsAlone ? fromAnything : isWrongFrom(stateOf(init));
  const window = standsAlone ? wrongEnd(beginning, isWrong) : beginning;
  const writes = window.filter(isWrite);
  const reads = window.filter((record) => record.op === 'get');
  const neededReads = shrink(reads, (some) => isWrong([...writes, ...some]));
  // An unknown write that nobody saw is no part of the contradiction.
  const seen = new Set([...writes, ...neededReads].map((record) => canonical(valueSeen(record) ?? null)));
  const needed = writes.filter(
    (record) => record.status === 'ok' || record.op === 'delete' || seen.has(canonical(record.in.value)),
  );
  const shown = [...(isWrong([...needed, ...neededReads]) ? needed : writes), ...neededReads];
  const value = standsAlone ? 'whatever the value was before' : `the value was ${JSON.stringify(init)} before`;
  return `${key}: no order explains these ${shown.length} operations (${value})\n${showRecords(shown)}`;
}
