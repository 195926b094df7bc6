import { demand } from '../../violation.ts';
import type { SimulatedClient } from '../client.ts';
import type { MemberObserver } from '../observer.ts';
import type { AppliedEntry } from '../oracle.ts';

/** A session expires nowhere before its client, by its own clock, has given it up. */
export class LeaseTimes implements MemberObserver {
  readonly name = 'no session expires early';
  readonly #clients: readonly SimulatedClient[];
  expired = 0;

  constructor(clients: readonly SimulatedClient[]) {
    this.#clients = clients;
  }

  applied({ applied: { notifications } }: AppliedEntry): void {
    for (const notification of notifications) {
      if (notification.type !== 'sessionEnded' || notification.cause !== 'expired') continue;
      this.expired++;
      const owner = this.#clients.find((client) => client.sessionId === notification.session);
      demand(
        owner === undefined || !owner.isAlive,
        this.name,
        () => `session ${notification.session} of ${owner?.name} expired, and by its own clock it lives`,
      );
    }
  }
}
