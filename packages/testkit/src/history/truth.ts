// The final history as each member tells it. All members must tell the same, and it must be one that can be.
import { canonical, type EventRecord, type HistoryRecord } from './record.ts';
import { showRecord, type Verdict, type Violation } from './verdict.ts';

export interface Dump {
  /** The member it was taken from; empty when the history has only one dump, without a name. */
  readonly name: string;
  readonly events: readonly EventRecord[];
}

export function dumps(records: readonly HistoryRecord[]): Dump[] {
  const byName = new Map<string, EventRecord[]>();
  for (const record of records) {
    if (record.op !== 'event') continue;
    const events = byName.get(record.client ?? '') ?? [];
    byName.set(record.client ?? '', events);
    events.push(record);
  }
  return [...byName].map(([name, events]) => ({ name, events }));
}

export function checkTruth(records: readonly HistoryRecord[]): Verdict {
  const all = dumps(records);
  const violations: Violation[] = [];
  for (const dump of all) violations.push(...wellFormed(dump));
  const [first, ...rest] = all;
  for (const other of rest) violations.push(...difference(first as Dump, other));
  const judged = all.reduce((sum, { events }) => sum + events.length, 0);
  return { checker: 'truth', judged, violations, undecided: [] };
}

function* wellFormed(dump: Dump): Generator<Violation> {
  let previous: EventRecord | undefined;
  const keys = new Set<string>();
  for (const event of dump.events) {
    if (previous !== undefined && event.rev < previous.rev) {
      yield {
        rule: 'truth-order',
        message: `a dump goes back in time\n  ${showRecord(previous)}\n  ${showRecord(event)}`,
      };
    }
    if (event.rev !== previous?.rev) keys.clear();
    if (keys.has(event.key)) {
      yield { rule: 'truth-order', message: `one revision changes a key twice\n  ${showRecord(event)}` };
    }
    keys.add(event.key);
    previous = event;
  }
}

function* difference(a: Dump, b: Dump): Generator<Violation> {
  const length = Math.max(a.events.length, b.events.length);
  for (let index = 0; index < length; index++) {
    const [mine, theirs] = [a.events[index], b.events[index]];
    if (mine !== undefined && theirs !== undefined && essence(mine) === essence(theirs)) continue;
    const lines = [mine, theirs]
      .map((event) => `  ${event === undefined ? '(nothing)' : showRecord(event)}`)
      .join('\n');
    const message = `the dumps of ${a.name || 'one member'} and ${b.name || 'another'} differ at event ${index + 1}\n${lines}`;
    yield { rule: 'dumps-differ', message };
    return;
  }
}

/** Without the name of the dump. */
export function essence(event: Pick<EventRecord, 'rev' | 'key' | 'type' | 'value'>): string {
  return `${event.rev} ${event.type} ${event.key} ${canonical(event.value ?? null)}`;
}
