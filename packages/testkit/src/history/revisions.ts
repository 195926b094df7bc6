// What revisions say across keys: acknowledged writes get them in the order of real time, a read reflects the revision that it
// names, and the final history (the truth dump) holds every acknowledged write exactly once and nothing that nobody wrote.
import { isKeyRecord } from './linearizability.ts';
import { canonical, type EventRecord, type HistoryRecord, type Json } from './record.ts';
import type { KeyRecord } from './register.ts';
import { dumps } from './truth.ts';
import { showRecord, type Verdict, type Violation } from './verdict.ts';

export interface RevisionOptions {
  /** Where the truth dump begins; larger than 1 when history was compacted before it was taken. */
  readonly truthFrom?: number;
}

type Answered = Extract<KeyRecord, { status: 'ok' }>;

interface Stamped {
  readonly record: Answered;
  readonly rev: number;
  readonly isWrite: boolean;
}

export function checkRevisions(records: readonly HistoryRecord[], options: RevisionOptions = {}): Verdict {
  const operations = records.filter(isKeyRecord);
  const stamped = operations.flatMap(stamp);
  const truth = dumps(records)[0]?.events;
  const violations = [
    ...realTimeOrder(stamped),
    ...sharedRevisions(stamped),
    ...readsAtTheirRevision(stamped, truth),
    ...(truth === undefined ? [] : againstTruth(records, truth, options.truthFrom ?? 1)),
  ];
  return { checker: 'revisions', judged: stamped.length + (truth?.length ?? 0), violations, undecided: [] };
}

function stamp(record: KeyRecord): Stamped[] {
  if (record.status !== 'ok' || record.op === 'get_stale' || record.out.rev === undefined) return [];
  return [{ record, rev: record.out.rev, isWrite: changed(record) }];
}

/** A swap that lost and a deletion of nothing answer with a revision, too, but changed nothing. */
function changed(record: Answered): boolean {
  if (record.op === 'put') return true;
  if (record.op === 'cas') return record.out.swapped;
  return record.op === 'delete' && record.out.existed === true;
}

/** Whoever was called after another had returned has a larger revision if it wrote, and no smaller one if it read. */
function* realTimeOrder(stamped: readonly Stamped[]): Generator<Violation> {
  const byReturn = stamped.toSorted((a, b) => a.record.return_ns - b.record.return_ns);
  let returned = 0;
  let latest: Stamped | undefined;
  for (const next of stamped.toSorted((a, b) => a.record.call_ns - b.record.call_ns)) {
    for (; returned < byReturn.length; returned++) {
      const earlier = byReturn[returned] as Stamped;
      if (earlier.record.return_ns >= next.record.call_ns) break;
      if (latest === undefined || earlier.rev > latest.rev) latest = earlier;
    }
    if (latest === undefined || next.rev > latest.rev || (next.rev === latest.rev && !next.isWrite)) continue;
    const message = `revision ${next.rev} was given after revision ${latest.rev} had been answered\n${show(latest, next)}`;
    yield { rule: 'revision-order', message };
  }
}

/** One revision belongs to one write or to one transaction, and a transaction has one revision. */
function* sharedRevisions(stamped: readonly Stamped[]): Generator<Violation> {
  const byRevision = new Map<number, Stamped>();
  const byTransaction = new Map<string, Stamped>();
  for (const write of stamped.filter(({ isWrite }) => isWrite)) {
    const { txn } = write.record.in;
    const other = byRevision.get(write.rev);
    const otherTxn = other?.record.in.txn;
    if (
      other !== undefined &&
      (txn === undefined || otherTxn === undefined || canonical(txn) !== canonical(otherTxn))
    ) {
      const message = `two writes that are not of one transaction have revision ${write.rev}\n${show(other, write)}`;
      yield { rule: 'revision-shared', message };
    }
    byRevision.set(write.rev, write);
    if (txn === undefined) continue;
    const sibling = byTransaction.get(canonical(txn));
    if (sibling !== undefined && sibling.rev !== write.rev) {
      yield { rule: 'transaction-torn', message: `one transaction, two revisions\n${show(sibling, write)}` };
    }
    byTransaction.set(canonical(txn), write);
  }
}

/** A read that names a revision has the value of the key's last write up to it. */
function* readsAtTheirRevision(
  stamped: readonly Stamped[],
  truth: readonly EventRecord[] | undefined,
): Generator<Violation> {
  const writes = byKey(
    stamped.filter(({ isWrite }) => isWrite),
    ({ record }) => record.key,
  );
  const events = byKey(truth ?? [], ({ key }) => key);
  const writerOf = new Map<string, Stamped>();
  for (const write of stamped) {
    const value = write.isWrite ? valueWritten(write.record) : null;
    if (value !== null) writerOf.set(`${write.record.key} ${canonical(value)}`, write);
  }
  for (const read of stamped) {
    if (read.record.op !== 'get') continue;
    const { value } = read.record.out;
    const event = lastUpTo(events.get(read.record.key) ?? [], read.rev);
    if (event !== undefined && canonical(event.value ?? null) !== canonical(value)) {
      const message = `a read at revision ${read.rev} is not what the final history has there`;
      yield { rule: 'read-revision', message: `${message}\n  ${showRecord(event)}\n  ${showRecord(read.record)}` };
      continue;
    }
    const write = lastUpTo(writes.get(read.record.key) ?? [], read.rev);
    if (write === undefined || value === null) continue;
    const writer = writerOf.get(`${read.record.key} ${canonical(value)}`);
    if (writer === undefined || writer.rev === write.rev) continue;
    const message = `a read at revision ${read.rev} has the value of revision ${writer.rev}, not that of ${write.rev}`;
    yield { rule: 'read-revision', message: `${message}\n${show(writer, write, read)}` };
  }
}

function* againstTruth(
  records: readonly HistoryRecord[],
  truth: readonly EventRecord[],
  truthFrom: number,
): Generator<Violation> {
  const putsOf = byKey(
    truth.filter(({ type }) => type === 'put'),
    ({ key, value }) => `${key} ${canonical(value ?? null)}`,
  );
  const deletes = new Set(truth.filter(({ type }) => type === 'delete').map(({ rev, key }) => `${rev} ${key}`));
  const known = new Map<string, { possible: number; records: HistoryRecord[] }>();
  const keys = new Set<string>();
  for (const record of records) {
    if (record.op === 'init') {
      known.set(`${record.key} ${canonical(record.in.value)}`, { possible: 1, records: [record] });
    }
    if (!isKeyRecord(record)) continue;
    keys.add(record.key);
    if (record.op === 'delete' && record.status === 'ok' && changed(record) && record.out.rev !== undefined) {
      if (record.out.rev >= truthFrom && !deletes.has(`${record.out.rev} ${record.key}`)) yield missing(record);
    }
    if (record.op !== 'put' && record.op !== 'cas') continue;
    const name = `${record.key} ${canonical(record.in.value)}`;
    const writers = known.get(name) ?? { possible: 0, records: [] };
    known.set(name, writers);
    writers.records.push(record);
    if (record.status === 'fail' || (record.status === 'ok' && !changed(record))) continue;
    writers.possible++;
    if (record.status !== 'ok' || (record.out.rev ?? truthFrom) < truthFrom) continue;
    const { rev } = record.out;
    const found = putsOf.get(name) ?? [];
    if (!found.some((event) => rev === undefined || event.rev === rev)) yield missing(record);
  }
  for (const [name, events] of putsOf) {
    const writers = known.get(name);
    const event = events[0] as EventRecord;
    // Other keys belong to somebody whose calls are not in this history.
    if (!keys.has(event.key) || (writers === undefined && truthFrom > 1 && event.rev <= truthFrom)) continue;
    const lines = [...events, ...(writers?.records ?? [])].map((line) => `\n  ${showRecord(line)}`).join('');
    if ((writers?.possible ?? 0) === 0) {
      yield { rule: 'never-written', message: `the final history has a value that no operation wrote${lines}` };
    } else if (events.length > (writers?.possible ?? 0)) {
      yield { rule: 'double-effect', message: `one write took effect ${events.length} times${lines}` };
    }
  }
}

function missing(record: KeyRecord): Violation {
  const message = `an acknowledged write is not in the final history\n  ${showRecord(record)}`;
  return { rule: 'acknowledged-missing', message };
}

function valueWritten(record: Answered): Json {
  return record.op === 'put' || record.op === 'cas' ? record.in.value : null;
}

function byKey<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

function lastUpTo<T extends { readonly rev: number }>(items: readonly T[], rev: number): T | undefined {
  let last: T | undefined;
  for (const item of items) if (item.rev <= rev && (last === undefined || item.rev >= last.rev)) last = item;
  return last;
}

function show(...stamped: readonly Stamped[]): string {
  return stamped.map(({ record }) => `  ${showRecord(record)}`).join('\n');
}
