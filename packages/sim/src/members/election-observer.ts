import { ConclaveError } from '@conclave/client/internal';
import type { ClientProcess } from './client-process.ts';
import type { LeaderRecord, MemberObserver } from './observer.ts';

/** An application that wants to know who leads, for as long as it lives. */
export function observeElection(client: ClientProcess, election: string, observers: readonly MemberObserver[]): void {
  const record: LeaderRecord = { name: client.name, lock: `election/${election}`, seen: [] };
  client.process.spawn(async () => {
    const sdk = await client.client();
    try {
      for await (const leader of sdk.election(election).observe()) {
        const { fence, gap, session } = leader ?? { fence: 0, gap: false, session: null };
        const shown = leader === null ? null : { fence, session, value: leader.text() };
        for (const observer of observers) observer.leaderSeen?.(record, shown, gap);
      }
    } catch (error) {
      if (!ConclaveError.is(error, 'CLIENT_CLOSED')) throw error;
    }
  });
}
