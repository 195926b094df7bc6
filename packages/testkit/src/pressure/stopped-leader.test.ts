import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Client, connect, type Session } from '@conclave/client';
import { assertHistory } from '../history/checkers.ts';
import { HistoryRecorder } from '../history/recorder.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { isNotApplied } from './recorded-keys.ts';

const timeout = 60_000;
/** Well above the time without a leader, so that who keeps a session alive can. */
const ttlMs = 4_000;
const reads = 64;

test('a leader stopped for longer than an election answers no stale linearizable read when it goes on, and revokes no lease that was kept alive elsewhere, also not when it leads again (etcd#15247)', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start({ heartbeatMs: 40, electionMs: 400 });
  const old = await cluster.leader();
  const [follower = 0] = await cluster.followers();
  const recorder = new HistoryRecorder();
  // With nothing under way it is content with its member, so what it asks for later lies in that member's socket.
  await using reader = await connect({ endpoints: [cluster.endpoint(old)], identity: 'idempotency-key' });
  let left = false;
  reader.on('state', (state) => {
    left ||= state === 'reconnecting';
  });
  await using writer = await connect({ endpoints: [cluster.endpoint(follower)] });
  await using keeper = await connect({ endpoints: [cluster.endpoint(follower)] });
  await using session = await keeper.session({ ttlMs });
  await using lock = await keeper.lock('kept', { session });
  await keeper.put('ephemeral', 'alive', { session });
  const recorded = recorder.client('writer');
  const write = async (value: string): Promise<void> => {
    const put = async (): Promise<{ rev: number }> => ({ rev: (await writer.put('k', value)).revision });
    await recorded.record('put', 'k', { value }, put, isNotApplied);
  };
  const read = async (at: number): Promise<void> => {
    const get = async (): Promise<{ value: string | null; rev: number }> => {
      const { entry, revision } = await reader.read('k');
      return { value: entry?.text() ?? null, rev: revision };
    };
    await recorder.client(`reader ${at}`).record('get', 'k', {}, get, isNotApplied);
  };
  await write('before');
  await read(0);
  // From here on it lives by what the old leader alone knows: that it was kept alive.
  await longerThanTtl(writer);

  {
    using _paused = cluster.pause(old);
    await cluster.leader(old);
    await write('after');
    // By any clock that heard nothing of it in this time, its time is up.
    await longerThanTtl(writer);
    const answers = Array.from({ length: reads }, async (_, at) => read(at + 1));
    cluster.member(old).resume();
    await Promise.all(answers);
  }
  assert.equal(left, false, 'the old leader itself has answered');
  await cluster.ready(old);
  await write('while another leads');
  // Nor by what the old leader knew when it led.
  await longerThanTtl(writer);
  await leadsAgain(cluster, old, session);
  await write('at the end');
  await read(reads + 1);
  recorder.close();
  assertHistory(recorder.records);

  assert.equal(session.signal.aborted, false, String(session.signal.reason));
  assert.equal((await reader.get('ephemeral'))?.text(), 'alive');
  const guarded = await keeper.txn({ if: [lock.guard()], then: [{ put: 'guarded', value: 'yes' }] });
  assert.equal(guarded.ok, true);
});

/** When a lease that was granted now, and that nobody keeps alive, has ended. */
async function longerThanTtl(client: Client): Promise<void> {
  const { lease } = await client.perform({ type: 'leaseGrant', ttlMs });
  await client.put('unattended', 'for a while', { lease });
  await waitFor(
    async () => (await client.get('unattended')) === null,
    patienceMs,
    () => 'a lease that nobody keeps alive goes on',
  );
}

/**
 * Whoever leads instead is stopped until another leads: each time it may be this one. The session is renewed in between: nobody
 * can do that for it while elections follow one another.
 */
async function leadsAgain(cluster: TestCluster, id: number, session: Session): Promise<void> {
  for (let leader = await cluster.leader(); leader !== id; leader = await cluster.leader()) {
    {
      using _paused = cluster.pause(leader);
      await cluster.leader(leader);
    }
    let left = session.remainingMs();
    const renewed = (): boolean => {
      const before = left;
      left = session.remainingMs();
      return left > before;
    };
    await waitFor(renewed, patienceMs, () => `nobody renews the session, ${left} ms are left`);
  }
}
