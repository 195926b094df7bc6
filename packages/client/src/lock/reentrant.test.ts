import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../../testing/harness.ts';
import { bounds } from '../bounds.ts';
import type { Client } from '../client.ts';
import { ConclaveError } from '../error.ts';

async function standing(client: Client): Promise<string> {
  const name = { kind: 'lock', name: new TextEncoder().encode('l') } as const;
  const { lock } = await client.perform({ type: 'lock', name });
  return `${lock.holding} hold, ${lock.waiting} wait`;
}

test('an owner enters a lock again at once, and it is released with the last of its handles', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const owner = {};
  const outer = await client.lock('l', { owner });
  const inner = await client.lock('l', { owner });
  assert.equal(
    (await client.tryLock('l', { owner, mode: 'shared' }))?.mode,
    'exclusive',
    'to have it alone is to share it, too',
  );
  assert.equal(inner.fence, outer.fence);
  // Neither another owner nor nobody is that owner.
  assert.equal(await client.tryLock('l', { owner: {} }), null);
  assert.equal(await client.tryLock('l'), null);
  await inner.release();
  await inner.release();
  assert.equal(inner.signal.aborted, true);
  assert.throws(() => inner.guard(), { code: 'LOCK_LOST' });
  outer.assertHeld();
  assert.equal(await standing(client), '1 hold, 0 wait');
  await outer.release();
  assert.equal(await standing(client), '1 hold, 0 wait', 'the third handle is still there');
});

test('who asks while its owner waits for the lock waits with it, and asks itself when that gave up', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const owner = {};
  const held = await other.lock('l');
  const controller = new AbortController();
  const first = client.lock('l', { owner, signal: controller.signal });
  await until(async () => (await standing(client)) === '1 hold, 1 wait');
  const second = client.lock('l', { owner });
  const third = client.lock('l', { owner });
  await assert.rejects(client.lock('l', { owner, timeoutMs: 20 }), { code: 'DEADLINE_EXCEEDED' });
  assert.equal(await client.tryLock('l', { owner }), null);
  controller.abort();
  await assert.rejects(first, { code: 'CANCELLED' });
  await until(async () => (await standing(client)) === '1 hold, 1 wait');
  await held.release();
  const both = await Promise.all([second, third]);
  assert.equal(both[0].fence, both[1].fence);
  await Promise.all(both.map((one) => one.release()));
  assert.equal(await standing(client), '0 hold, 0 wait');
});

test('what is lost is lost for all handles of the owner, and entered anew afterwards', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const owner = {};
  const session = await client.session({ ttlMs: 5_000 });
  const handles = [await client.lock('l', { owner, session }), await client.lock('l', { owner, session })];
  await session.close();
  for (const handle of handles) {
    assert.equal(handle.signal.aborted, true);
    assert.throws(
      () => handle.assertHeld(),
      (error) => ConclaveError.is(error, 'LOCK_LOST'),
    );
  }
  const again = await client.lock('l', { owner });
  for (const handle of handles) await handle.release();
  again.assertHeld();
  assert.equal(await standing(client), '1 hold, 0 wait');
});

test('an owner that shares a lock upgrades it, and downgrades it only where no other handle relies on it', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const owner = {};
  const outer = await client.lock('l', { owner, mode: 'shared' });
  await assert.rejects(client.lock('l', { owner }), { code: 'INVALID_ARGUMENT' });
  await outer.upgrade();
  const inner = await client.lock('l', { owner });
  assert.deepEqual([inner.mode, inner.fence], ['exclusive', outer.fence]);
  await assert.rejects(outer.downgrade(), { code: 'INVALID_ARGUMENT' });
  await inner.release();
  await outer.downgrade();
  assert.equal(outer.mode, 'shared');
});

test('how often an owner enters a lock is bounded', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const owner = {};
  for (let entered = 0; entered < bounds.maxReentries; entered++) await client.lock('l', { owner });
  await assert.rejects(client.lock('l', { owner }), { code: 'LIMIT_EXCEEDED' });
});
