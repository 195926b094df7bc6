import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Member, MemberId } from '@conclave/member';
import { TestCluster } from '../../testing/cluster.ts';
import { get, put, RawClient, someSecret } from '../../testing/raw-client.ts';

async function started(context: TestContext): Promise<TestCluster> {
  const cluster = await TestCluster.start();
  context.after(() => cluster.stop());
  return cluster;
}

async function clientOf(cluster: TestCluster, id: MemberId): Promise<RawClient> {
  const client = new RawClient(cluster.member(id) as Member);
  await client.wait('welcome');
  // Answered when the member knows a leader, which a claim does not wait for.
  await client.ask(get('k'));
  return client;
}

async function read(client: RawClient, key: string): Promise<string | null> {
  const result = await client.ask(get(key));
  const value = result.type === 'range' ? result.entries[0]?.value : null;
  return value === null || value === undefined ? null : new TextDecoder().decode(value);
}

test('a session goes from member to member with its secret and a larger epoch, and each connection it leaves is told', async (context) => {
  const cluster = await started(context);
  const secret = someSecret();
  let sequence = 0;
  let before: RawClient | null = null;
  let session = 0;
  for (let epoch = 0; epoch < 6; epoch++) {
    const here = await clientOf(cluster, cluster.ids[epoch % 3] as MemberId);
    if (epoch === 0) session = await here.openSession(60_000, secret);
    else {
      assert.equal(await here.resume({ session, secret: someSecret(), epoch }), null, 'not with another secret');
      assert.equal(await here.resume({ session, secret, epoch }), 60_000);
      assert.equal(await here.resume({ session, secret, epoch }), null, 'an epoch serves for one claim');
    }
    if (before !== null) {
      assert.equal((await before.wait('sessionEnded')).cause, 'fenced');
      const late = before.ask(put('k', 'late'), { session, sequence: sequence + 1, epoch: epoch - 1 });
      await assert.rejects(late, /^Error: FENCED/);
    }
    await here.ask(put('k', `${epoch}`), { session, sequence: ++sequence, epoch });
    before = here;
  }
  assert.equal(await read(before as RawClient, 'k'), '5');
});

test('a mutation that waits on a member which does not know yet that the session went elsewhere is not applied', async (context) => {
  const cluster = await started(context);
  const { leader } = cluster;
  const [cutOff, other] = cluster.ids.filter((id) => id !== leader) as [MemberId, MemberId];
  const secret = someSecret();
  const old = await clientOf(cluster, cutOff);
  const session = await old.openSession(60_000, secret);
  cluster.isolate(cutOff);
  const late = old.ask(put('k', 'late'), { session, sequence: 1, epoch: 0 });
  const present = await clientOf(cluster, other);
  assert.equal(await present.resume({ session, secret, epoch: 1 }), 60_000);
  await present.ask(put('k', 'present'), { session, sequence: 2, epoch: 1 });
  cluster.rejoin(cutOff);
  await assert.rejects(late, /^Error: FENCED/);
  assert.equal((await old.wait('sessionEnded')).cause, 'fenced');
  assert.equal(await read(present, 'k'), 'present');
});

test('a keepalive renews what is on its connection, and plain leases; for a session elsewhere it is fenced', async (context) => {
  const cluster = await started(context);
  const [a, b] = [await clientOf(cluster, 1 as MemberId), await clientOf(cluster, 2 as MemberId)];
  const session = await a.openSession(60_000);
  const granted = await a.ask({ type: 'leaseGrant', ttlMs: 9_000 });
  const lease = granted.type === 'leaseGrant' ? granted.lease : 0;
  await b.ask(get('k'));
  for (const client of [a, b]) client.send({ type: 'keepalive', id: 99, leases: [session, lease] });
  assert.deepEqual((await a.wait('keepaliveAnswer')).leases, [
    { lease: session, ttlMs: 60_000 },
    { lease, ttlMs: 9_000 },
  ]);
  assert.deepEqual((await b.wait('keepaliveAnswer')).leases, [{ lease, ttlMs: 9_000 }]);
  const fenced = b.received.find(({ type }) => type === 'sessionEnded');
  assert.ok(fenced?.type === 'sessionEnded' && fenced.session === session && fenced.cause === 'fenced');
  assert.ok(!a.received.some(({ type }) => type === 'sessionEnded'));
});

test('opened once more over another connection after it was resumed, the session stays where it is', async (context) => {
  const cluster = await started(context);
  const secret = someSecret();
  const first = await clientOf(cluster, 1 as MemberId);
  const session = await first.openSession(60_000, secret);
  assert.equal(await first.resume({ session, secret, epoch: 1 }), 60_000);
  const second = await clientOf(cluster, 2 as MemberId);
  assert.equal(await second.openSession(60_000, secret), session);
  await assert.rejects(second.ask(put('k', '1'), { session, sequence: 1, epoch: 0 }), /^Error: FENCED/);
  await first.ask(put('k', '2'), { session, sequence: 1, epoch: 1 });
  assert.ok(!first.received.some(({ type }) => type === 'sessionEnded'));
});
