import type { Compare } from '@conclave/protocol';
import { demand } from '../../violation.ts';
import { describe } from '../calls.ts';
import { type LockHistory, lockText } from '../lock-history.ts';
import type { Answer, Call, MemberObserver } from '../observer.ts';
import type { AppliedEntry } from '../oracle.ts';

type Guard = Extract<Compare, { target: 'lock' }>;

/** A guarded transaction runs if, and only if, what it names is held at its index; and whoever was told that it ran held it at that revision. */
export class Guards implements MemberObserver {
  readonly name = 'guards tell who holds';
  readonly #history: LockHistory;
  judged = 0;

  constructor(history: LockHistory) {
    this.#history = history;
  }

  applied({ applied: { repeated, response }, command, entry }: AppliedEntry): void {
    const operation = command?.operation;
    if (repeated || operation?.type !== 'txn' || response?.type !== 'txn') return;
    const guards = operation.compares.filter((compare): compare is Guard => compare.target === 'lock');
    if (guards.length === 0 || guards.length < operation.compares.length) return;
    this.judged++;
    const isHeld = guards.every((guard) => this.#isHeld(guard));
    demand(
      response.succeeded === isHeld,
      this.name,
      () => `the transaction at ${entry.index} ran: ${response.succeeded}, and what it names was held: ${isHeld}`,
    );
  }

  #isHeld({ fence, holder, name }: Guard): boolean {
    const holders = this.#history.locks.get(lockText(name))?.holders ?? [];
    return [...holders].some(
      (request) =>
        request.state === 'held' &&
        request.fence === fence &&
        (holder === null || (holder.session === request.session && holder.sequence === request.sequence)),
    );
  }

  answered(call: Call, { revision, wrote }: Answer): void {
    const { action } = call;
    if (action.type !== 'guarded' || !wrote || revision === null) return;
    const request = this.#history.request(action.session, action.sequence);
    demand(
      request !== null && request.firstFence < revision && revision <= request.endedAt,
      this.name,
      () => `${describe(call)} wrote at ${revision} under ${request?.firstFence}, which ended at ${request?.endedAt}`,
    );
  }
}
