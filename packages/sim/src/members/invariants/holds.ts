import { decodeCommand, decodeOperation } from '@conclave/protocol';
import { demand } from '../../violation.ts';
import type { SimulatedClient } from '../client.ts';
import { lockText } from '../client-call.ts';
import type { MemberObserver } from '../observer.ts';
import type { AppliedEntry } from '../oracle.ts';

/**
 * A lock has one holder at a time, fences only grow, and nobody is granted it while another client, by its own clock, would still act
 * as the holder: time to live from the sending of what was confirmed, against what the members count.
 */
export class Holds implements MemberObserver {
  readonly name = 'one holder at a time';
  readonly #clients: readonly SimulatedClient[];
  readonly #fences = new Map<string, { readonly fence: number; readonly session: number }>();
  /** Which lock a session's request is about: a grant names only the request. */
  readonly #requests = new Map<string, string>();
  grants = 0;

  constructor(clients: readonly SimulatedClient[]) {
    this.#clients = clients;
  }

  applied({ applied, entry, header }: AppliedEntry): void {
    if (header === null) return;
    const operation = decodeOperation(decodeCommand(entry.data).operation);
    const { identity } = header;
    if (operation.type === 'lockAcquire' && identity.by === 'session') {
      const lock = lockText(operation);
      this.#requests.set(`${identity.session}/${identity.sequence}`, lock);
      const { response } = applied;
      if (!applied.repeated && response?.type === 'lockAcquire' && response.state === 'held')
        this.#granted(lock, response.fence, identity.session);
    }
    for (const notification of applied.notifications) {
      if (notification.type !== 'granted') continue;
      const lock = this.#requests.get(`${notification.session}/${notification.sequence}`);
      if (lock !== undefined) this.#granted(lock, notification.fence, notification.session);
    }
  }

  #granted(lock: string, fence: number, session: number): void {
    this.grants++;
    const last = this.#fences.get(lock);
    demand(last === undefined || fence > last.fence, this.name, () => `${lock}: fence ${fence} behind ${last?.fence}`);
    this.#fences.set(lock, { fence, session });
    for (const client of this.#clients) {
      const claimed = client.claims(lock);
      demand(
        claimed === null || claimed === fence,
        this.name,
        () => `${lock} was granted to session ${session} under ${fence}, and ${client.name} still claims ${claimed}`,
      );
    }
  }

  held(client: SimulatedClient, lock: string, fence: number): void {
    const last = this.#fences.get(lock);
    demand(
      last?.fence === fence || !client.isAlive,
      this.name,
      () => `${client.name} was told that it holds ${lock} under ${fence}, and ${last?.fence} was granted since`,
    );
  }
}
