import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Lane, Member, MemberId } from '@conclave/member';
import { decodeEvents, type Operation } from '@conclave/protocol';
import { TestCluster } from '../testing/cluster.ts';
import { bytes, get, put, RawClient } from '../testing/raw-client.ts';

/** One for each member of a cluster that is gone when the test is over. */
async function clientsOf(context: TestContext): Promise<[RawClient, RawClient, RawClient]> {
  const cluster = await TestCluster.start();
  context.after(() => cluster.stop());
  const [a, b, c] = cluster.ids.map((id) => cluster.member(id)) as [Member, Member, Member];
  const clients: [RawClient, RawClient, RawClient] = [new RawClient(a), new RawClient(b), new RawClient(c)];
  for (const client of clients) await client.wait('welcome');
  return clients;
}

test('a write through any member is read through any other, and a watch sees it', async (context) => {
  const clients = await clientsOf(context);
  clients[2].send({
    type: 'watchCreate',
    watch: 1,
    selectors: [{ key: bytes('k'), end: bytes('l') }],
    from: { at: 'revision', revision: 1 },
    keysOnly: false,
    previous: false,
    events: 'all',
    progressMs: null,
    onCompaction: 'error',
    creditBytes: 100_000,
  });
  for (const [at, client] of clients.entries()) {
    assert.deepEqual(await client.ask(put(`k${at}`, `v${at}`)), { type: 'put', revision: at + 1, previous: null });
  }
  for (const client of clients) {
    const result = await client.ask(get('k1'));
    assert.equal(result.type === 'range' ? new TextDecoder().decode(result.entries[0]?.value ?? undefined) : '', 'v1');
  }
  await clients[2].wait('watchEvents', ({ bytes: events }) => decodeEvents(events).revision === 3);
  const seen = clients[2].received.flatMap((message) =>
    message.type === 'watchEvents' ? [decodeEvents(message.bytes).revision] : [],
  );
  assert.deepEqual(seen, [1, 2, 3]);
});

test('a lock goes to the first that asked, then to the next when it is released or its session expires', async (context) => {
  const [a, b, c] = await clientsOf(context);
  const name = { kind: 'lock', name: bytes('deploy') } as const;
  const claims = [{ mode: 'exclusive', name }] as const;
  const rest = { wait: true, value: null, lockDelayMs: 0, keeping: [] };
  const acquire: Operation = { type: 'lockAcquire', claims, ...rest };
  const [first, second, third] = [await a.openSession(60_000), await b.openSession(1_000), await c.openSession(60_000)];
  const held = await a.ask(acquire, { session: first, sequence: 1 });
  assert.equal(held.type === 'lockAcquire' && held.state, 'held');
  const queued = await b.ask(acquire, { session: second, sequence: 1 });
  assert.deepEqual(queued.type === 'lockAcquire' && queued.state, 'queued');
  await c.ask(acquire, { session: third, sequence: 1 });
  const fence = held.type === 'lockAcquire' && held.state === 'held' ? held.fence : 0;
  await a.ask({ type: 'lockRelease', sequence: 1, fence, heir: null }, { session: first, sequence: 2 });
  const granted = await b.wait('granted');
  assert.ok(granted.fence > fence);
  // Nobody renews the second session: it expires, and the third gets the lock.
  const last = await c.wait('granted');
  assert.ok(last.fence > granted.fence);
  assert.equal((await b.wait('sessionEnded')).cause, 'expired');
});

test('who waits for a renewal when a member stops is told that nothing was confirmed, before it is sent away', async (context) => {
  const cluster = await TestCluster.start();
  context.after(() => cluster.stop());
  const client = new RawClient(cluster.member(1) as Member);
  await client.wait('welcome');
  const granted = await client.ask({ type: 'leaseGrant', ttlMs: 60_000 });
  const lease = granted.type === 'leaseGrant' ? granted.lease : 0;
  for (const id of cluster.ids) {
    const other = new RawClient(cluster.member(id) as Member);
    await other.wait('welcome');
    other.send({ type: 'keepalive', id: 99, leases: [lease] });
    await cluster.kill(id);
    const last = other.received.slice(-2);
    assert.deepEqual(
      last.map(({ type }) => type),
      ['error', 'goodbye'],
      `member ${id}`,
    );
    assert.ok(last[0]?.type === 'error' && last[0].id === 99 && last[0].error.code === 'UNAVAILABLE');
    await cluster.restart(id);
    while (cluster.leader === null) await new Promise((resolve) => setImmediate(resolve));
  }
});

test('only the lane of heartbeats says that a leader may have ended: the others break without anybody asking for votes', async (context) => {
  // Long enough that nobody misses a leader on a machine that is busy with other things.
  const cluster = await TestCluster.start(3, undefined, { electionMs: 2_000, heartbeatMs: 200 });
  context.after(() => cluster.stop());
  const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  while (!cluster.ids.every((id) => (cluster.member(id)?.status.leader ?? null) !== null)) await turn();
  const leader = cluster.leader as MemberId;
  const follower = cluster.member(cluster.ids.find((id) => id !== leader) ?? 0) as Member;
  /** How many times it must be said before the follower has no leader; `most` when it still has one then. */
  const timesUntilItActs = async (lane: Lane, most: number): Promise<number> => {
    let times = 0;
    for (; times < most && follower.status.leader !== null; times++) {
      follower.peerLost(leader, lane);
      await turn();
    }
    return times;
  };
  assert.equal(await timesUntilItActs('bulk', 500), 500);
  assert.equal(await timesUntilItActs('snapshot', 500), 500);
  assert.ok((await timesUntilItActs('control', 100_000)) < 100_000);
});
