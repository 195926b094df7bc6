import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../../testing/harness.ts';
import {
  breakLock,
  grantLease,
  inspectLease,
  inspectLock,
  leaseTimesLeft,
  listLeaseKeys,
  listLeases,
  listLocks,
  renewLease,
  revokeLease,
} from '../admin.ts';

test('a lock is looked into: who holds it, who waits, who held it before', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client({ metadata: { host: 'a' } });
  const { client: other } = await harness.client();
  const { client: operator } = await harness.client({ identity: 'idempotency-key' });
  const lock = await client.lock('orders/42');
  const next = other.lock('orders/42');
  await until(async () => (await inspectLock(operator, 'orders/42')).waiting === 1);
  const info = await inspectLock(operator, 'orders/42');
  assert.deepEqual(
    [info.kind, info.name, info.permits, info.holding, info.holders[0]?.fence, info.past],
    ['lock', 'orders/42', null, 1, lock.fence, []],
  );
  const holder = await inspectLease(operator, info.holders[0]?.session ?? 0);
  assert.deepEqual([holder?.isSession, holder?.holds, holder?.metadata['host']], [true, 1, 'a']);
  const broken = await breakLock(operator, 'orders/42', { fence: lock.fence, now: true, reason: 'stuck' });
  assert.deepEqual(broken, { broken: true, delayMs: 0 });
  const granted = await next;
  const after = await inspectLock(operator, 'orders/42');
  assert.deepEqual(
    after.past.map(({ end, fence, session }) => [end, fence, session]),
    [['broken', lock.fence, info.holders[0]?.session]],
  );
  assert.ok(after.holders[0] !== undefined && after.holders[0].since >= (after.past[0]?.since ?? new Date(0)));
  assert.deepEqual(await breakLock(operator, 'orders/42', { fence: lock.fence }), { broken: false, delayMs: 0 });
  granted.assertHeld();
});

test('what is held is listed by kind', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  await client.lock('b');
  await client.lock('a', { mode: 'shared' });
  await client.semaphore('s', { permits: 4 }).acquire({ count: 3 });
  await client.election('e').campaign('me');
  const named: string[] = [];
  for (const kind of ['lock', 'semaphore', 'election'] as const) {
    for await (const one of listLocks(client, { kind })) named.push(`${one.kind} ${one.name} ${one.holder?.mode}`);
  }
  assert.deepEqual(named, ['lock a shared', 'lock b exclusive', 'semaphore s permits', 'election e exclusive']);
  assert.equal((await inspectLock(client, 's', { kind: 'semaphore' })).permits, 4);
});

test('leases are granted, listed page by page, and revoked with what hangs on them', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const leases = await Promise.all(Array.from({ length: 1_005 }, async () => grantLease(client, { ttlMs: 60_000 })));
  const [first = 0] = leases;
  await client.put('k', 'v', { lease: first });
  const found: number[] = [];
  for await (const { id, isSession } of listLeases(client)) if (!isSession) found.push(id);
  assert.deepEqual(
    found,
    leases.toSorted((a, b) => a - b),
  );
  assert.equal((await inspectLease(client, first))?.keys, 1);
  assert.equal(await revokeLease(client, first, { reason: 'done' }), true);
  assert.equal(await revokeLease(client, first), false);
  assert.equal(await inspectLease(client, first), null);
  assert.equal(await client.get('k'), null);
});

test('a lease is renewed by whoever knows it, and a session by nobody but its client', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const lease = await grantLease(client, { ttlMs: 60_000 });
  assert.equal(await renewLease(other, lease), 60_000);
  const session = await client.session();
  await assert.rejects(renewLease(other, session.id), { code: 'FENCED' });
  assert.equal(await renewLease(client, session.id), 15_000);
  await revokeLease(client, lease);
  assert.equal(await renewLease(other, lease), null);
});

test('what leases have left is seen through any member, and is no renewal', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const lease = await grantLease(client, { ttlMs: 60_000 });
  const session = await client.session({ ttlMs: 10_000 });
  const leases = [lease, session.id, lease + 1_000];
  let before = 60_001;
  for (const endpoint of harness.cluster.endpoints) {
    const { client: other } = await harness.client({ endpoints: [endpoint] });
    // If asking renewed it, it would never get less.
    await until(async () => {
      const [left = null, ofSession = null, ofNone] = await leaseTimesLeft(other, leases);
      assert.ok(left !== null && left <= before && left > 50_000, `${left} after ${before}`);
      assert.ok(ofSession !== null && ofSession <= 10_000, `${ofSession}`);
      assert.equal(ofNone, null);
      const isLess = left < before - 1;
      if (isLess) before = left;
      return isLess;
    });
  }
  assert.deepEqual(await leaseTimesLeft(client, []), []);
});

test('the keys of a lease are listed in their order, page by page', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const lease = await grantLease(client, { ttlMs: 60_000 });
  const keys = Array.from({ length: 1_005 }, (_, n) => `of/${String(n).padStart(5, '0')}`);
  await Promise.all(keys.toReversed().map(async (key) => client.put(key, '', { lease })));
  const found: string[] = [];
  for await (const key of listLeaseKeys(client, lease)) found.push(Buffer.from(key).toString());
  assert.deepEqual(found, keys);
  await revokeLease(client, lease);
  for await (const _ of listLeaseKeys(client, lease)) assert.fail('it has ended');
});
