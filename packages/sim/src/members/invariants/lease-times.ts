import { demand } from '../../violation.ts';
import type { ClientProcess } from '../client-process.ts';
import type { MemberObserver } from '../observer.ts';
import type { AppliedEntry } from '../oracle.ts';

/** A session expires nowhere before its application was told so, or, if it stands still, before its clock would say so. */
export class LeaseTimes implements MemberObserver {
  readonly name = 'no session expires early';
  readonly #clients: readonly ClientProcess[];
  expired = 0;

  constructor(clients: readonly ClientProcess[]) {
    this.#clients = clients;
  }

  applied({ applied: { notifications } }: AppliedEntry): void {
    for (const notification of notifications) {
      if (notification.type !== 'sessionEnded' || notification.cause !== 'expired') continue;
      this.expired++;
      for (const client of this.#clients) {
        for (const { sequence, session } of client.claims()) {
          demand(
            sequence !== null || session !== notification.session,
            this.name,
            () => `session ${notification.session} of ${client.name} expired, and there it lives`,
          );
        }
      }
    }
  }
}
