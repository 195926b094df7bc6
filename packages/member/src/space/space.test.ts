import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Member } from '@conclave/member';
import type { Operation, Result, TxnOperation } from '@conclave/protocol';
import { TestCluster } from '../../testing/cluster.ts';
import { bytes, get, put, RawClient } from '../../testing/raw-client.ts';

/** A cluster, and a client of each of its members. */
async function started(context: TestContext, count = 3): Promise<{ cluster: TestCluster; clients: RawClient[] }> {
  // Long enough that nobody misses a leader on a busy machine: who leads is what is tested.
  const cluster = await TestCluster.start(count, undefined, { electionMs: 500, heartbeatMs: 50 });
  context.after(() => cluster.stop());
  const clients = cluster.ids.map((id) => new RawClient(cluster.member(id) as Member));
  for (const client of clients) await client.wait('welcome');
  await clients[0]?.ask(put('before', '1'));
  return { cluster, clients };
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NO_SPACE disk space is low');
}

/** Far more than members need to look at their disks and to hear of those of others. */
const maxTries = 1_000;

/** Between two attempts, which need not keep a processor busy. */
async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Until nobody takes what would let the state grow. */
async function untilShort(client: RawClient): Promise<void> {
  for (let tries = 0; tries < maxTries; tries++) {
    try {
      await client.ask(put('until', 'refused'));
      await pause();
    } catch (error) {
      assert.ok(isRefused(error), String(error));
      return;
    }
  }
  assert.fail('nothing was refused');
}

async function untilTaken(client: RawClient, operation: Operation): Promise<Result> {
  for (;;) {
    try {
      return await client.ask(operation);
    } catch (error) {
      assert.ok(isRefused(error), String(error));
      await pause();
    }
  }
}

const remove = (key: string): Operation & TxnOperation => ({
  type: 'delete',
  range: { key: bytes(key), end: null },
  returnPrevious: false,
});

test('a leader whose disk is low hands over to a member that has room, and no write is refused', async (context) => {
  const { clients, cluster } = await started(context);
  const low = cluster.leader ?? 0;
  cluster.setDiskLow(low, true);
  let writes = 0;
  while (cluster.leader === low || cluster.leader === null) {
    await clients[writes % clients.length]?.ask(put('k', `${writes++}`));
    await pause();
  }
  assert.ok(cluster.said.some(({ by, message }) => by === low && message.startsWith('the disk is low: leadership')));
  const next = cluster.leader;
  for (const client of clients) await client.ask(put('k', 'after'));
  const isKnown = (id: number): boolean => {
    const { members = [] } = cluster.member(id)?.status ?? {};
    return members.every(({ diskLow, id: member }) => diskLow === (member === low));
  };
  while (!cluster.ids.every(isKnown)) await pause();
  // A follower's low disk is nobody else's business: the one that has room goes on leading.
  const looked = performance.now() + 1_500;
  while (performance.now() < looked) {
    await clients[0]?.ask(put('k', 'still'));
    await pause();
  }
  assert.equal(cluster.leader, next);
});

test('while no majority has room, what would let the state grow is refused through any member, and all else is taken', async (context) => {
  const { clients, cluster } = await started(context);
  const [first] = clients as [RawClient];
  const session = await first.openSession(60_000);
  const name = { kind: 'lock', name: bytes('deploy') } as const;
  const rest = { wait: true, value: null, lockDelayMs: 0, keeping: [] };
  const acquire: Operation = { type: 'lockAcquire', claims: [{ mode: 'exclusive', name }], ...rest };
  const held = await first.ask(acquire, { session, sequence: 1 });
  const fence = held.type === 'lockAcquire' && held.state === 'held' ? held.fence : 0;
  const granted = await first.ask({ type: 'leaseGrant', ttlMs: 60_000 });
  const lease = granted.type === 'leaseGrant' ? granted.lease : 0;

  for (const id of cluster.ids.slice(1)) cluster.setDiskLow(id, true);
  for (const client of clients) await untilShort(client);
  const asked: readonly Operation[] = [
    put('k', 'v'),
    { type: 'txn', compares: [], then: [remove('before')], else: [put('x', 'y') as TxnOperation] },
    { type: 'leaseGrant', ttlMs: 60_000 },
  ];
  for (const client of clients) for (const one of asked) await assert.rejects(client.ask(one), isRefused, one.type);
  await assert.rejects(first.ask(acquire, { session, sequence: 2 }), isRefused);
  for (const client of clients) assert.equal((await client.ask(get('before'))).type, 'range');

  assert.equal((await first.ask(remove('before'))).type, 'delete');
  const txn = await first.ask({ type: 'txn', compares: [], then: [remove('a'), get('b') as TxnOperation], else: [] });
  assert.equal(txn.type, 'txn');
  assert.equal((await first.ask({ type: 'leaseRevoke', lease })).type, 'leaseRevoke');
  const release: Operation = { type: 'lockRelease', sequence: 1, fence, heir: null };
  assert.equal((await first.ask(release, { session, sequence: 3 })).type, 'lockRelease');
  await first.ask({ type: 'sessionClose', session });
  const joinSecretHash = new Uint8Array(32);
  const urls = { clientUrl: 'ws://m4:1', peerUrl: 'ws://p4:1' };
  const add: Operation = { type: 'memberAdd', name: null, ...urls, joinSecretHash, role: 'learner' };
  assert.equal((await first.ask(add)).type, 'memberAdd');

  for (const id of cluster.ids) cluster.setDiskLow(id, false);
  for (const client of clients) assert.equal((await untilTaken(client, put('k', 'v'))).type, 'put');
});

test('with one of three voters down, the low disk of another one makes writes wait; that one is down alone does not', async (context) => {
  const { cluster } = await started(context);
  const leader = cluster.leader ?? 0;
  const [low = 0, down = 0] = cluster.ids.filter((id) => id !== leader);
  await cluster.kill(down);
  const client = new RawClient(cluster.member(leader) as Member);
  await client.wait('welcome');
  const isGone = (): boolean =>
    cluster.member(leader)?.status.members.some(({ id, diskLow }) => id === down && diskLow === null) ?? false;
  while (!isGone()) await pause();
  const looked = performance.now() + 1_500;
  while (performance.now() < looked) {
    await client.ask(put('k', 'one is down'));
    await pause();
  }
  cluster.setDiskLow(low, true);
  await untilShort(client);
  cluster.setDiskLow(low, false);
  assert.equal((await untilTaken(client, put('k', 'v'))).type, 'put');
});

test('a single member whose disk is low refuses what would let the state grow, until it has room again', async (context) => {
  const { clients, cluster } = await started(context, 1);
  const [client] = clients as [RawClient];
  cluster.setDiskLow(1, true);
  await untilShort(client);
  assert.equal((await client.ask(remove('before'))).type, 'delete');
  await assert.rejects(client.ask(put('k', 'v')), isRefused);
  cluster.setDiskLow(1, false);
  assert.equal((await untilTaken(client, put('k', 'v'))).type, 'put');
});
