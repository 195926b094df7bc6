import { demand } from '../../violation.ts';
import { claimsOn, type LockEntry, permitsTaken } from '../lock-history.ts';
import type { MemberObserver } from '../observer.ts';

/** At no index two that have a lock alone, or wait to, nor one alone beside others, nor more permits than there are. */
export class Exclusion implements MemberObserver {
  readonly name = 'locks exclude';

  locked({ entry, touched }: LockEntry): void {
    for (const lock of touched) {
      const { holders, limit, name } = lock;
      const who = (): string => [...holders].map((one) => `${one.session}:${one.sequence}`).join();
      const alone = claimsOn(lock).some(({ mode }) => mode === 'exclusive');
      demand(!alone || holders.size === 1, this.name, () => `${name} is held by ${who()} at ${entry.index}`);
      const wanting = lock.upgrading.size;
      demand(wanting <= 1, this.name, () => `${wanting} wait to have ${name} alone at ${entry.index}: for each other`);
      const isOverdrawn = name.startsWith('semaphore/') && permitsTaken(lock) > limit;
      demand(!isOverdrawn, this.name, () => `${name} of ${limit} permits is held by ${who()} at ${entry.index}`);
    }
  }
}
