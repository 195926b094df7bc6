import { demand } from '../../violation.ts';
import type { LockEntry } from '../lock-history.ts';
import type { MemberObserver } from '../observer.ts';

/** Fences grow from entry to entry, over all names; those granted by one entry have its revision. */
export class Fences implements MemberObserver {
  readonly name = 'fences grow';
  #last = 0;
  grants = 0;

  locked({ applied: { revision }, entry, steps }: LockEntry): void {
    const granted = steps.filter(({ type }) => type === 'granted' || type === 'converted');
    if (granted.length === 0) return;
    for (const { request } of granted) {
      this.grants++;
      const { fence, sequence, session } = request;
      demand(
        fence > this.#last && fence === revision,
        this.name,
        () => `${session}:${sequence} got ${fence} at ${entry.index}, revision ${revision}, after ${this.#last}`,
      );
    }
    this.#last = revision;
  }
}
