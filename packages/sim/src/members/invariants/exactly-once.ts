import { demand } from '../../violation.ts';
import { describe, isOfCall } from '../calls.ts';
import type { Answer, Call, MemberObserver } from '../observer.ts';
import type { AppliedEntry } from '../oracle.ts';

/** Values are never written by two calls: each stands in the history at most once, once if its call was acknowledged, never if refused. */
export class ExactlyOnce implements MemberObserver {
  readonly name = 'exactly once';
  readonly #seen = new Set<string>();
  readonly #acknowledged: { readonly by: string; readonly value: string }[] = [];
  readonly #refused: { readonly call: Call; readonly value: string }[] = [];

  applied({ changes }: AppliedEntry): void {
    for (const { value } of changes) {
      // What a candidate publishes stands in the history once for each of its terms.
      if (value === null || !isOfCall(value)) continue;
      demand(!this.#seen.has(value), this.name, () => `${value} was written twice`);
      this.#seen.add(value);
    }
  }

  answered(call: Call, { wrote }: Answer): void {
    if (call.value === null) return;
    if (wrote) this.acknowledged(describe(call), call.value);
    else this.#refused.push({ call, value: call.value });
  }

  acknowledged(by: string, value: string): void {
    this.#acknowledged.push({ by, value });
  }

  refused(call: Call): void {
    if (call.value !== null) this.#refused.push({ call, value: call.value });
  }

  ended(): void {
    for (const { by, value } of this.#acknowledged) {
      demand(this.#seen.has(value), this.name, () => `${by}: ${value} was acknowledged, and is not in the history`);
    }
    for (const { call, value } of this.#refused) {
      demand(!this.#seen.has(value), this.name, () => `${describe(call)} was refused, and is in the history`);
    }
  }
}
