import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Client, connect, type Lock, type Session } from '@conclave/client';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

const timeout = 120_000;
const count = 500;
const ttlMs = 10_000;

interface Holder {
  readonly client: Client;
  readonly session: Session;
  readonly lock: Lock;
}

test(`${count} clients lose their member at once, and it restarts: every session lives on, every lock is held under its fence, every write is there once`, {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  const [member = 0] = await cluster.followers();
  const holders = await Promise.all(
    Array.from({ length: count }, async (_, at) => holder(cluster.endpoint(member), at)),
  );
  const write = async (): Promise<unknown> =>
    Promise.all(
      holders.map(async ({ client, lock }, at) => {
        const { ok } = await client.txn({ if: [lock.guard()], then: [{ put: `k/${at}`, value: 'again' }] });
        assert.equal(ok, true, `holder ${at} was refused`);
      }),
    );
  await write();
  // Under way when the member dies, and asked again elsewhere.
  const underWay = write();
  await cluster.kill(member);
  cluster.run(member);
  await underWay;
  await cluster.ready(member);
  await write();
  await using reader = await connect({ endpoints: [cluster.endpoint(member)] });
  const { entries } = await reader.list({ prefix: 'k/' });
  assert.deepEqual([entries.length, new Set(entries.map(({ version }) => version))], [count, new Set([3])]);
  assert.deepEqual(new Set(holders.map(({ session }) => session.signal.aborted)), new Set([false]));
  const fences = holders.map(({ lock }) => lock.fence);
  assert.equal(new Set(fences).size, count);
  const away = (): number => holders.filter(({ client }) => client.state !== 'ready').length;
  await waitFor(
    () => away() === 0,
    patienceMs,
    () => `${away()} clients are not connected`,
  );
  await Promise.all(holders.map(async ({ client }) => client.close()));
});

async function holder(endpoint: string, at: number): Promise<Holder> {
  const client = await connect({ endpoints: [endpoint], timeoutMs: patienceMs });
  const session = await client.session({ ttlMs, timeoutMs: patienceMs });
  return { client, session, lock: await client.lock(`l/${at}`, { session }) };
}
