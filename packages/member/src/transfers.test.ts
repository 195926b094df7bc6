import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Input } from '@conclave/core';
import type { Member, MemberId } from '@conclave/member';
import { TestCluster } from '../testing/cluster.ts';
import { put, RawClient } from '../testing/raw-client.ts';
import type { PeerMessage } from './peer/message.ts';
import { Transfers } from './transfers.ts';

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

async function three(context: TestContext): Promise<TestCluster> {
  // Long enough that nobody is missed on a machine that is busy with other things.
  const cluster = await TestCluster.start(3, undefined, { electionMs: 1_000, heartbeatMs: 50 });
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

/** What a member that leads, or follows member 2, has asked of core and of others, and the timers that it has set. */
function alone(leads: boolean): {
  readonly transfers: Transfers;
  readonly pushed: Input[];
  readonly sent: PeerMessage[];
  readonly timers: Set<object>;
} {
  const pushed: Input[] = [];
  const sent: PeerMessage[] = [];
  const timers = new Set<object>();
  const transfers = new Transfers({
    pump: { push: (input) => void pushed.push(input) },
    timers: {
      after: () => {
        const timer = {};
        timers.add(timer);
        return () => timers.delete(timer);
      },
      soon: (run) => run(),
    },
    electionMs: 1_000,
    hold: () => {},
    takeRequest: () => 1,
    send: (_to, message) => void sent.push(message),
  });
  transfers.leadership((leads ? 1 : 2) as MemberId, leads);
  return { transfers, pushed, sent, timers };
}

test('when a member stops, every transfer that it was asked for ends: its own, one passed on, and one whose heir is not known yet', async () => {
  const own = alone(true);
  const ended = own.transfers.begin(2 as MemberId);
  assert.equal(own.pushed.length, 1);
  own.transfers.abandon();
  await assert.rejects(ended, { name: 'TransferError', reason: 'not-leader' });
  await assert.rejects(own.transfers.begin(null), { reason: 'not-leader' });
  assert.equal(own.pushed.length, 1, 'and no other begins');

  const passedOn = alone(false);
  const asked = passedOn.transfers.throughLeader(null);
  assert.deepEqual([passedOn.sent.map(({ type }) => type), passedOn.timers.size], [['handOver'], 1]);
  passedOn.transfers.abandon();
  await assert.rejects(asked, { reason: 'not-leader' });
  assert.equal(passedOn.timers.size, 0, 'a timer would keep the process alive');

  const curious = alone(true);
  const heir = curious.transfers.throughLeader(null);
  curious.transfers.handedOver([1]);
  await new Promise((resolve) => setImmediate(resolve));
  curious.transfers.abandon();
  await assert.rejects(heir, { reason: 'not-leader' });
});
