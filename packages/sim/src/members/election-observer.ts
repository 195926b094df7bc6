import { ConclaveError } from '@conclave/client/internal';
import type { ClientProcess } from './client-process.ts';
import type { LeaderRecord, MemberObserver } from './observer.ts';

/** An application that wants to know who leads, for as long as it lives. */
export function observeElection(client: ClientProcess, election: string, observers: readonly MemberObserver[]): void {
  const record: LeaderRecord = { name: client.name, lock: `election/${election}`, fence: 0 };
  client.process.spawn(async () => {
    const sdk = await client.client();
    try {
      for await (const leader of sdk.election(election).observe()) {
        for (const observer of observers) observer.leaderSeen?.(record, leader);
        if (leader !== null) record.fence = leader.fence;
      }
    } catch (error) {
      if (!ConclaveError.is(error, 'CLIENT_CLOSED')) throw error;
    }
  });
}
