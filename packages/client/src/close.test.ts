import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../testing/harness.ts';
import { ConclaveError } from './error.ts';

test('no timer is left after close, also when the member answers nothing', { timeout: 20_000 }, async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const lock = await client.lock('l', { ttlMs: 5_000 });
  const waiting = client.lock('l', { ttlMs: 5_000 }).catch((error: unknown) => error);
  const watcher = client.watch({ prefix: '' });
  const next = watcher.next().catch((error: unknown) => error);
  await client.put('k', 'v', { timeoutMs: 10_000 });
  for (const id of harness.cluster.ids) network.down.add(id);
  network.current?.silence();
  const inFlight = client.put('k', 'w').catch((error: unknown) => error);
  await client.close();
  assert.equal(client.state, 'closed');
  assert.equal(lock.signal.aborted, true);
  for (const error of [await waiting, await inFlight]) assert.ok(ConclaveError.is(error), String(error));
  await next;
  await until(() => network.timersRunning === 0);
  await assert.rejects(client.get('k'), { code: 'CLIENT_CLOSED' });
  await assert.rejects(client.lock('l'), { code: 'CLIENT_CLOSED' });
  assert.throws(() => client.watch('k'), { code: 'CLIENT_CLOSED' });
  await client.close();
});

test('close ends the sessions in order: what they held is free at once', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const session = await client.session({ ttlMs: 60_000 });
  await client.lock('l', { session });
  await client.put('mine', 'x', { session });
  await client.close();
  assert.notEqual(await other.tryLock('l'), null);
  assert.equal(await other.get('mine'), null);
});

test('connect gives up when nobody answers, and leaves nothing behind', async (context) => {
  const harness = await Harness.start(context);
  const { network } = await harness.client();
  const { createClient } = await import('./create-client.ts');
  for (const id of harness.cluster.ids) network.down.add(id);
  const { timersRunning } = network;
  const endpoints = harness.cluster.endpoints;
  await assert.rejects(createClient(network.environment, { endpoints, timeoutMs: 50 }), { code: 'DEADLINE_EXCEEDED' });
  const signal = AbortSignal.timeout(20);
  await assert.rejects(createClient(network.environment, { endpoints, signal }), { code: 'CANCELLED' });
  await assert.rejects(createClient(network.environment, { endpoints: ['http://x'] }), { code: 'INVALID_ARGUMENT' });
  assert.ok(network.timersRunning <= timersRunning, 'it is not so');
});

test('a listener that throws is reported and disturbs nobody', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const states: string[] = [];
  client.on('state', () => {
    throw new Error('listener');
  });
  const off = client.on('state', (state) => states.push(state));
  network.current?.cut();
  await until(() => states.includes('ready'));
  off();
  assert.deepEqual(states, ['reconnecting', 'ready']);
  assert.equal(network.errors.length, 2);
});
