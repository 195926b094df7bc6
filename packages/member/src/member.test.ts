import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Member } from '@conclave/member';
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
