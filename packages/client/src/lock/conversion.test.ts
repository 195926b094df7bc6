import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LockDescription } from '@conclave/protocol';
import { Harness, until } from '../../testing/harness.ts';
import type { Client } from '../client.ts';
import { ConclaveError } from '../error.ts';

const name = { kind: 'lock', name: new TextEncoder().encode('l') } as const;

async function described(client: Client): Promise<LockDescription> {
  return (await client.perform({ type: 'lock', name })).lock;
}

/** `exclusive`, or `shared shared`. */
async function modes(client: Client): Promise<string> {
  return (await described(client)).holders.map(({ mode }) => mode).join(' ');
}

const shared = { mode: 'shared' } as const;

test('a lock is upgraded when nobody else shares it, and downgraded, each under a new fence that guards', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const lock = await client.lock('l', shared);
  const reader = await other.lock('l', shared);
  assert.equal(await lock.tryUpgrade(), false);
  const [before, upgrading] = [lock.fence, lock.upgrade()];
  await until(async () => (await described(client)).waiting === 1);
  assert.deepEqual([lock.mode, lock.fence, reader.isContended], ['shared', before, true]);
  const waiting = other.lock('l', shared);
  await until(async () => (await described(client)).waiting === 2);
  await reader.release();
  await upgrading;
  assert.equal(lock.mode, 'exclusive');
  assert.ok(lock.fence > before);
  assert.equal(await modes(client), 'exclusive');
  const exclusive = lock.fence;
  assert.equal((await client.txn({ if: [lock.guard()], then: [{ put: 'k', value: 'v' }] })).ok, true);
  await lock.downgrade();
  assert.ok(lock.fence > exclusive);
  const second = await waiting;
  assert.equal((await client.txn({ if: [lock.guard()], then: [{ put: 'k', value: 'v' }] })).ok, true);
  assert.equal(await modes(client), 'shared shared');
  await lock.release();
  await second.release();
  assert.equal(await modes(client), '');
});

test('an upgrade that is given up leaves the lock shared, also when the grant comes just then', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: other } = await harness.client();
  const lock = await client.lock('l', shared);
  const reader = await other.lock('l', shared);
  await assert.rejects(lock.upgrade({ timeoutMs: 50 }), { code: 'DEADLINE_EXCEEDED' });
  await until(async () => (await described(client)).waiting === 0);
  // It was taken back: others may share it again.
  await (await other.lock('l', shared)).release();

  const late = new AbortController();
  network.filters.toClient = (message) => {
    if (message.type === 'granted') late.abort();
    return true;
  };
  const race = until(async () =>
    lock.upgrade({ signal: late.signal }).then(
      () => true,
      (error: unknown) => {
        // Until the one before is taken back.
        if (ConclaveError.is(error, 'INVALID_ARGUMENT')) return false;
        assert.ok(ConclaveError.is(error, 'CANCELLED'));
        return true;
      },
    ),
  );
  await until(async () => (await described(client)).waiting === 1);
  await reader.release();
  await race;
  await until(async () => (await modes(client)) === 'shared' && (await described(client)).waiting === 0);
  await until(async () => (await described(client)).holders[0]?.fence === lock.fence);
  await lock.release();
  assert.equal(await modes(client), '');
});

test('what waits to be upgraded hears of its grant over another connection, and is released whatever it has become', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: other } = await harness.client();
  for (const releases of [false, true]) {
    const lock = await client.lock('l', shared);
    const reader = await other.lock('l', shared);
    const upgrading = lock.upgrade().catch((error: unknown) => error);
    await until(async () => (await described(other)).waiting === 1);
    // The grant is told to a connection that dies of it.
    let pushes = 0;
    network.filters.toClient = (message) => message.type !== 'granted' || pushes++ > 0;
    if (releases) await lock.release();
    await reader.release();
    const outcome = await upgrading;
    if (releases) assert.ok(ConclaveError.is(outcome, 'LOCK_LOST'));
    else assert.deepEqual([outcome, lock.mode, pushes], [undefined, 'exclusive', 1]);
    delete network.filters.toClient;
    await lock.release();
    await until(async () => (await modes(other)) === '');
  }
});

test('of two that want it alone the second is told that they would wait for each other, and goes on sharing', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const [one, two] = [await client.lock('l', shared), await other.lock('l', shared)];
  const upgrading = one.upgrade();
  await until(async () => (await described(client)).waiting === 1);
  await assert.rejects(two.upgrade(), (error) => {
    return (
      ConclaveError.is(error, 'DEADLOCK') &&
      error.outcome === 'not-applied' &&
      /would wait for itself/.test(error.message)
    );
  });
  two.assertHeld();
  await two.release();
  await upgrading;
  assert.equal(await modes(client), 'exclusive');
});

test('a hold lives on through its conversions, and a forced release ends one that waits', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const session = await client.session({ ttlMs: 1_000 });
  const lock = await client.lock('l', { ...shared, session });
  const reader = await other.lock('l', shared);
  const sinceMs = performance.now();
  const first = lock.upgrade();
  await until(async () => (await described(other)).waiting === 1);
  await assert.rejects(lock.downgrade(), { code: 'INVALID_ARGUMENT' });
  await reader.release();
  await first;
  await lock.downgrade();
  const again = await other.lock('l', shared);
  const upgrading = lock.upgrade().catch((error: unknown) => error);
  await until(async () => (await described(other)).waiting === 1);
  // Longer than a hold lives that nobody confirms: the keepalives confirm it while it waits.
  await until(() => performance.now() - sinceMs > 1_600);
  lock.assertHeld();
  await other.perform({ type: 'lockBreak', name, fence: lock.fence, holder: lock.guard().holder, now: true });
  assert.ok(ConclaveError.is(await upgrading, 'LOCK_LOST'));
  assert.equal((await described(other)).waiting, 0);
  await again.release();
});

test('a hold whose upgrade was granted unheard is not taken for broken: its fence has only grown', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: other } = await harness.client();
  let deaf = true;
  // A member without the feature, which is asked by guards; and a push that does not arrive.
  network.filters.replace = (message) => {
    if (message.type === 'welcome') return { ...message, features: [] };
    return message.type === 'granted' && deaf ? { type: 'contended', session: 999_999, sequence: 1 } : message;
  };
  network.current?.cut();
  await until(() => client.state === 'ready');
  const session = await client.session({ ttlMs: 3_000 });
  const lock = await client.lock('l', { ...shared, session });
  const reader = await other.lock('l', shared);
  const upgrading = lock.upgrade();
  await until(async () => (await described(other)).waiting === 1);
  await reader.release();
  const asked = (): number => network.framesSent.flat().filter(({ type }) => type === 'query').length;
  const before = asked();
  await until(() => asked() > before + 1);
  lock.assertHeld();
  deaf = false;
  network.current?.cut();
  await upgrading;
  assert.equal(lock.mode, 'exclusive');
});
