import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from '../testing/harness.ts';

test('what one client writes another one reads, through any member', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client({ identity: 'idempotency-key' });
  const first = await client.put('greeting', 'hello');
  assert.equal(first.ok, true);
  assert.equal((await other.get('greeting'))?.text(), 'hello');
  assert.equal(await other.get('nothing'), null);
  const second = await other.put('greeting', '{"a":1}', { previous: true });
  assert.equal(second.previous?.text(), 'hello');
  assert.ok(second.revision > first.revision, 'it is not so');
  assert.deepEqual((await client.get('greeting'))?.json(), { a: 1 });
  const { deleted } = await client.delete({ prefix: 'greet' });
  assert.equal(deleted, 1);
  assert.equal(await other.get('greeting'), null);
});

test('a lock is held by one, then by the next', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const lock = await client.lock('orders/42');
  assert.equal(lock.signal.aborted, false);
  assert.equal(await other.tryLock('orders/42'), null);
  const next = other.lock('orders/42', { ttlMs: 5_000 });
  const guarded = await client.txn({ if: [lock.guard()], then: [{ put: 'a', value: 'b' }, { get: 'a' }] });
  assert.equal(guarded.branch === 'then' && guarded.results[1]?.text(), 'b');
  await lock.release();
  const second = await next;
  assert.ok(second.fence > lock.fence, 'it is not so');
  await second.release();
});
