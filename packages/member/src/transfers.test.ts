import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Member, MemberId } from '@conclave/member';
import { TestCluster } from '../testing/cluster.ts';
import { put, RawClient } from '../testing/raw-client.ts';

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

async function three(context: TestContext): Promise<TestCluster> {
  const cluster = await TestCluster.start();
  context.after(() => cluster.stop());
  await until(() => cluster.leader !== null);
  return cluster;
}

test('leadership is handed over under load, and nobody is refused', async (context) => {
  const cluster = await three(context);
  const clients = cluster.ids.map((id) => new RawClient(cluster.member(id) as Member));
  for (const client of clients) await client.wait('welcome');
  await clients[0]?.ask(put('warm', 'up'));
  const load = { isOver: false };
  const loads = clients.map(async (client, at) => {
    let revision = 0;
    while (!load.isOver) {
      const result = await client.ask(put(`k/${at}`, 'v'));
      assert.ok(result.type === 'put' && result.revision > revision);
      revision = result.revision;
    }
  });
  for (let time = 0; time < 5; time++) {
    const from = cluster.leader ?? 0;
    const to = cluster.ids.find((id) => id !== from) as MemberId;
    await cluster.member(from)?.transferLeader(time % 2 === 0 ? to : null);
    await until(() => cluster.leader !== null);
    if (time % 2 === 0) assert.equal(cluster.leader, to);
    else assert.notEqual(cluster.leader, from);
  }
  load.isOver = true;
  await Promise.all(loads);
});

test('a transfer that cannot be says why, and the leader goes on', async (context) => {
  const cluster = await three(context);
  const leader = cluster.member(cluster.leader ?? 0) as Member;
  const other = cluster.ids.find((id) => id !== cluster.leader) as MemberId;
  await assert.rejects(leader.transferLeader(9 as MemberId), { reason: 'invalid-target' });
  const follower = cluster.member(other) as Member;
  await assert.rejects(follower.transferLeader(null), { reason: 'not-leader' });
  cluster.isolate(other);
  const client = new RawClient(leader);
  await client.wait('welcome');
  await client.ask(put('k', 'v'));
  const transfer = assert.rejects(leader.transferLeader(other), { reason: 'target-unreachable' });
  // Held back, not refused: it is proposed when the transfer has failed.
  await client.ask(put('k', 'w'));
  await transfer;
  assert.equal(leader.raft.role, 'leader');
});
