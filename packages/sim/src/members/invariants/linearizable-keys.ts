import { demand } from '../../violation.ts';
import { describe } from '../calls.ts';
import type { Answer, Call, Change, Item, MemberObserver } from '../observer.ts';
import type { AppliedEntry } from '../oracle.ts';

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
  readonly #versions = new Map<string, Version[]>();
  readonly #changes = new Map<number, readonly Change[]>();
  checked = 0;

  /** For a compare: the key's revision as it is now, or one that it never had. */
  revisionOf(key: string, present: boolean): number {
    const last = this.#versions.get(key)?.at(-1);
    if (!present) return 1;
    return last === undefined || last.value === null ? 0 : last.revision;
  }

  applied({ applied: { events }, changes }: AppliedEntry): void {
    if (events === null) return;
    const { revision } = events;
    this.#changes.set(revision, changes);
    for (const { key, value } of changes) {
      const versions = this.#versions.get(key);
      if (versions === undefined) this.#versions.set(key, [{ revision, value }]);
      else versions.push({ revision, value });
    }
  }

  answered(call: Call, answer: Answer): void {
    const { items, revision, wrote } = answer;
    if (revision === null) return;
    this.checked++;
    const { action } = call;
    if (action.type === 'swap') this.#compared(call, action, revision, wrote);
    if (wrote) this.#wrote(call, revision);
    if (items !== null) this.#fits(call, revision, items);
    const floor = call.consistency === 'local' ? call.seen : call.floor;
    demand(
      wrote ? revision > floor : revision >= floor,
      this.name,
      () => `${describe(call)} is of ${revision}, and ${floor} was known before it began`,
    );
  }

  #compared(
    call: Call,
    action: { readonly key: string; readonly ifRevision: number },
    revision: number,
    ok: boolean,
  ): void {
    const at = ok ? revision - 1 : revision;
    const mod = this.#at(action.key, at)?.revision ?? 0;
    demand(
      (mod === action.ifRevision) === ok,
      this.name,
      () => `${describe(call)}: ${mod} at ${at}, compared with ${action.ifRevision}, succeeded ${ok}`,
    );
  }

  /** It did that, and nothing else. */
  #wrote(call: Call, revision: number): void {
    const { action, value } = call;
    const changes = this.#changes.get(revision);
    const [only] = changes ?? [];
    const isIts = 'key' in action && only?.key === action.key && only.value === value && changes?.length === 1;
    demand(isIts, this.name, () => `${describe(call)} at ${revision}: ${only?.key} ${only?.value}`);
  }

  #fits(call: Call, revision: number, items: readonly Item[]): void {
    const { action } = call;
    const selects = (key: string): boolean =>
      'key' in action ? key === action.key : 'prefix' in action && key.startsWith(action.prefix);
    this.mustFit(this.name, describe(call), revision, selects, items);
  }

  /** The items are the selected part of the state at that revision, no more and no less. */
  mustFit(
    invariant: string,
    who: string,
    revision: number,
    selects: (key: string) => boolean,
    items: readonly Item[],
  ): void {
    const expected = this.#stateAt(revision, selects);
    const fits =
      expected.length === items.length &&
      expected.every((one, at) => {
        const item = items[at];
        return item?.key === one.key && item.revision === one.revision && item.value === one.value;
      });
    demand(fits, invariant, () => `${who} at ${revision}: ${shown(items)}, not ${shown(expected)}`);
  }

  #stateAt(revision: number, selects: (key: string) => boolean): Item[] {
    const state: Item[] = [];
    for (const key of this.#versions.keys()) {
      const version = selects(key) ? this.#at(key, revision) : null;
      if (version !== null) state.push({ key, ...version });
    }
    return state.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }

  #at(key: string, revision: number): { readonly revision: number; readonly value: string } | null {
    const version = this.#versions.get(key)?.findLast((one) => one.revision <= revision);
    return version === undefined || version.value === null
      ? null
      : { revision: version.revision, value: version.value };
  }
}

function shown(items: readonly Item[]): string {
  return items.map(({ key, revision, value }) => `${key} ${revision} ${value.slice(0, 20)}`).join();
}
