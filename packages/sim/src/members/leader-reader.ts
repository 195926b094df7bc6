import { ConclaveError } from '@conclave/client';
import type { ClientProcess } from './client-process.ts';
import type { LeaderRecord, MemberObserver } from './observer.ts';

/** An application that wants to know who leads, for as long as it lives. */
export class LeaderReader {
  readonly #record: LeaderRecord;
  readonly #client: ClientProcess;
  readonly #election: string;
  readonly #observers: readonly MemberObserver[];

  constructor(client: ClientProcess, election: string, observers: readonly MemberObserver[]) {
    this.#client = client;
    this.#election = election;
    this.#observers = observers;
    this.#record = { name: client.name, lock: `election/${election}`, fence: 0 };
    client.process.spawn(() => this.#run());
  }

  async #run(): Promise<void> {
    const client = await this.#client.client();
    try {
      for await (const leader of client.election(this.#election).observe()) {
        const shown = leader === null ? null : { fence: leader.fence, session: leader.session };
        for (const observer of this.#observers) observer.leaderSeen?.(this.#record, shown);
        if (shown !== null) this.#record.fence = shown.fence;
      }
    } catch (error) {
      if (!ConclaveError.is(error, 'CLIENT_CLOSED')) throw error;
    }
  }
}
