import type { KeyEvent, KeyValue, Operation, Result } from '@conclave/protocol';
import { demand } from '../../violation.ts';
import type { Call, MemberObserver } from '../observer.ts';
import { type AppliedEntry, textOf } from '../oracle.ts';
import { eventText } from '../watch-reader.ts';

interface Version {
  readonly revision: number;
  /** Null: deleted. */
  readonly value: string | null;
}

/**
 * All keys are one object whose order is the revisions', so linearizability needs no search: an answer must fit the state at the revision that
 * it names, and that revision must not lie before anything that was acknowledged to anybody before the call began.
 */
export class LinearizableKeys implements MemberObserver {
  readonly name = 'keys are linearizable';
  /** Largest revision that any client was told of. */
  acknowledged = 0;
  readonly #versions = new Map<string, Version[]>();
  readonly #events = new Map<number, readonly string[]>();
  checked = 0;

  /** For a compare: the key's revision as it is now, or one that it never had. */
  revisionOf(key: Uint8Array, present: boolean): number {
    const last = this.#versions.get(textOf(key))?.at(-1);
    if (!present) return 1;
    return last === undefined || last.value === null ? 0 : last.revision;
  }

  applied({ applied: { events } }: AppliedEntry): void {
    if (events === null) return;
    this.#events.set(events.revision, events.events.map(eventText));
    for (const event of events.events) this.#note(events.revision, event);
  }

  #note(revision: number, event: KeyEvent): void {
    const key = textOf(event.type === 'put' ? event.entry.key : event.key);
    const value = event.type === 'put' && event.entry.value !== null ? textOf(event.entry.value) : null;
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#versions.set(key, [{ revision, value }]);
    else versions.push({ revision, value });
  }

  answered(call: Call, result: Result): void {
    this.checked++;
    const { operation } = call;
    if (result.type === 'put') this.#wrote(call, result.revision, [eventOf(operation)]);
    if (result.type === 'txn') this.#transacted(call, result);
    if (result.type === 'delete') {
      if (result.deleted > 0) this.#wrote(call, result.revision, [eventOf(operation)]);
      else this.#read(call, result.revision);
    }
    if (result.type !== 'range') return;
    this.#fits(call, result.revision, result.entries);
    if (call.kind === 'local') this.#isNewEnough(call, result.revision);
    else this.#read(call, result.revision);
  }

  #transacted(call: Call, result: Extract<Result, { type: 'txn' }>): void {
    const { operation } = call;
    if (operation.type !== 'txn') return;
    const [compare] = operation.compares;
    const [put] = operation.then;
    if (compare?.target !== 'mod' || put?.type !== 'put') return;
    const at = result.succeeded ? result.revision - 1 : result.revision;
    const before = this.#at(textOf(compare.key), at);
    const mod = before === null ? 0 : before.revision;
    demand(
      (mod === compare.operand) === result.succeeded,
      this.name,
      () => `${describe(call)}: ${mod} at ${at}, compared with ${compare.operand}, succeeded ${result.succeeded}`,
    );
    if (result.succeeded) return this.#wrote(call, result.revision, [eventOf(put)]);
    const [read] = result.results;
    if (read?.type === 'range') this.#fits(call, result.revision, read.entries, put.key);
    this.#read(call, result.revision);
  }

  #wrote(call: Call, revision: number, expected: readonly string[]): void {
    demand(
      revision > call.floor,
      this.name,
      () => `${describe(call)} at ${revision}, and ${call.floor} was acknowledged before it began`,
    );
    const events = this.#events.get(revision);
    demand(events?.join() === expected.join(), this.name, () => `${describe(call)} at ${revision}: ${events?.join()}`);
    this.acknowledged = Math.max(this.acknowledged, revision);
  }

  #read(call: Call, revision: number): void {
    demand(
      revision >= call.floor,
      this.name,
      () => `${describe(call)} saw ${revision}, and ${call.floor} was acknowledged before it began`,
    );
    this.acknowledged = Math.max(this.acknowledged, revision);
  }

  #isNewEnough(call: Call, revision: number): void {
    demand(
      revision >= call.minRevision,
      this.name,
      () => `${describe(call)} saw ${revision}, below ${call.minRevision}`,
    );
  }

  /** The entries are those of the range at the revision, no more and no fewer. */
  #fits(call: Call, revision: number, entries: readonly KeyValue[], single: Uint8Array | null = null): void {
    const { operation } = call;
    const selects = (key: string): boolean => {
      if (single !== null) return key === textOf(single);
      if (operation.type !== 'range') return false;
      const { end, key: first } = operation.range;
      return end === null ? key === textOf(first) : key >= textOf(first) && key < textOf(end);
    };
    const expected = this.stateAt(revision, selects);
    const seen = entries.map(
      ({ key, modRevision, value }) => `${textOf(key)} ${modRevision} ${value === null ? '' : textOf(value)}`,
    );
    demand(
      seen.join() === expected.join(),
      this.name,
      () => `${describe(call)} at ${revision}: ${seen.join()}, not ${expected.join()}`,
    );
  }

  stateAt(revision: number, selects: (key: string) => boolean): string[] {
    const state: string[] = [];
    for (const key of [...this.#versions.keys()].toSorted()) {
      const version = selects(key) ? this.#at(key, revision) : null;
      if (version !== null) state.push(`${key} ${version.revision} ${version.value}`);
    }
    return state;
  }

  #at(key: string, revision: number): { readonly revision: number; readonly value: string } | null {
    const version = this.#versions.get(key)?.findLast((one) => one.revision <= revision);
    return version === undefined || version.value === null
      ? null
      : { revision: version.revision, value: version.value };
  }
}

function eventOf(operation: Operation): string {
  if (operation.type === 'put') return `put ${textOf(operation.key)} ${textOf(operation.value)}`;
  return operation.type === 'delete' ? `delete ${textOf(operation.range.key)}` : '';
}

export function describe({ client, id, kind, operation }: Call): string {
  return `call ${id} of ${client.name}, a ${kind} ${operation.type}`;
}
