import type { Result } from '@conclave/protocol';
import { demand } from '../../violation.ts';
import type { Call, MemberObserver } from '../observer.ts';
import { type AppliedEntry, textOf } from '../oracle.ts';
import { describe } from './linearizable-keys.ts';

/** Values are never written by two calls: each stands in the history at most once, once if its call was acknowledged, never if refused. */
export class ExactlyOnce implements MemberObserver {
  readonly name = 'exactly once';
  readonly #seen = new Map<string, number>();
  readonly #acknowledged: { readonly call: Call; readonly value: string }[] = [];
  readonly #refused: { readonly call: Call; readonly value: string }[] = [];

  applied({ applied: { events } }: AppliedEntry): void {
    for (const event of events?.events ?? []) {
      if (event.type !== 'put' || event.entry.value === null) continue;
      const value = textOf(event.entry.value);
      const times = (this.#seen.get(value) ?? 0) + 1;
      this.#seen.set(value, times);
      demand(times === 1, this.name, () => `${value} was written ${times} times`);
    }
  }

  answered(call: Call, result: Result): void {
    const { value } = call;
    const wrote = result.type === 'put' || (result.type === 'txn' && result.succeeded);
    if (value !== null && wrote) this.#acknowledged.push({ call, value });
  }

  refused(call: Call): void {
    if (call.value !== null) this.#refused.push({ call, value: call.value });
  }

  ended(): void {
    for (const { call, value } of this.#acknowledged) {
      demand(
        this.#seen.get(value) === 1,
        this.name,
        () => `${describe(call)} was acknowledged, and is not in the history`,
      );
    }
    for (const { call, value } of this.#refused) {
      demand(!this.#seen.has(value), this.name, () => `${describe(call)} was refused, and is in the history`);
    }
  }
}
