import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../../testing/harness.ts';
import type { Client } from '../client.ts';

async function waiting(client: Client, name: string, kind: 'lock' | 'semaphore' = 'lock'): Promise<number> {
  const operation = { type: 'lock', name: { kind, name: new TextEncoder().encode(name) } } as const;
  return (await client.perform(operation)).lock.waiting;
}

test('readers share a lock, and a writer gets it when the last of them has let go', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const one = await client.lock('l', { mode: 'shared' });
  const two = await other.lock('l', { mode: 'shared' });
  assert.equal(await other.tryLock('l'), null);
  const writing = other.lock('l');
  await until(async () => (await waiting(client, 'l')) === 1);
  await one.release();
  // A guard is of this reader, although the lock is still shared.
  assert.throws(() => one.guard(), { code: 'LOCK_LOST' });
  const { ok } = await client.txn({ if: [two.guard()], then: [{ put: 'k', value: 'v' }] });
  assert.equal(ok, true);
  await two.release();
  const writer = await writing;
  assert.ok(writer.fence > two.fence);
});

test('so many hold permits at a time, and a request for many is not overtaken', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const semaphore = client.semaphore('s', { permits: 3 });
  const one = await semaphore.acquire({ count: 2 });
  const many = other.semaphore('s', { permits: 3 }).acquire({ count: 2 });
  await until(async () => (await waiting(client, 's', 'semaphore')) === 1);
  assert.equal(await semaphore.tryAcquire(), null);
  await one.release();
  const granted = await many;
  const rest = await semaphore.tryAcquire();
  assert.ok(rest !== null);
  await assert.rejects(other.semaphore('s', { permits: 4 }).acquire(), { code: 'INVALID_ARGUMENT' });
  await granted.release();
});

test('several locks are had together or not at all', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const b = await client.lock('b');
  const both = other.lockAll(['a', { name: 'b', mode: 'shared' }]);
  await until(async () => (await waiting(client, 'b')) === 1);
  // `a` is free, and yet nobody who comes later gets it first.
  assert.equal(await client.tryLock('a'), null);
  await b.release();
  const held = await both;
  assert.equal(held.name, 'a, b');
  const shared = await client.tryLock('b', { mode: 'shared' });
  assert.ok(shared !== null);
  await held.release();
  assert.ok((await client.tryLock('a')) !== null);
  await assert.rejects(client.lockAll([]), { code: 'INVALID_ARGUMENT' });
  await assert.rejects(client.lockAll(['x', 'x']), { code: 'INVALID_ARGUMENT' });
});

test('the holder hears that somebody waits', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const lock = await client.lock('l');
  const heard = new Promise<void>((resolve) => {
    lock.on('contended', resolve);
  });
  const next = other.lock('l');
  await heard;
  assert.equal(lock.isContended, true);
  const third = client.lock('l');
  await until(async () => (await waiting(client, 'l')) === 2);
  await lock.release();
  const second = await next;
  await until(() => second.isContended);
  await second.release();
  assert.equal((await third).isContended, false);
});

test('callers who wait for each other in a circle are told, if they say what they keep', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const a = await client.lock('a');
  const b = await other.lock('b');
  const first = client.lock('b', { keeping: [a] });
  await until(async () => (await waiting(client, 'b')) === 1);
  await assert.rejects(other.lock('a', { keeping: [b] }), (error: Error & { code?: string; details?: object }) => {
    assert.equal(error.code, 'DEADLOCK');
    assert.match(JSON.stringify(error.details), /lock \\"a\\" .* → lock \\"b\\" .* → lock \\"a\\"/);
    return true;
  });
  await b.release();
  await (await first).release();
  await a.release();
  await assert.rejects(client.lock('b', { keeping: [a] }), { code: 'LOCK_LOST' });
});

test('what is kept hangs on the session of the one who waits', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const session = await client.session();
  const a = await client.lock('a', { session });
  await assert.rejects(client.lock('b', { keeping: [a] }), /keeping: a hangs on another session/);
  assert.ok(await client.lock('b', { session, keeping: [a] }));
});
