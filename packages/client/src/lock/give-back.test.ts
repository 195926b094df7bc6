import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { decodeOperation, type ErrorCode, type Operation } from '@conclave/protocol';
import { fillQueue } from '../../testing/full-queue.ts';
import { Harness, until } from '../../testing/harness.ts';
import type { TestNetwork } from '../../testing/network.ts';
import type { Client } from '../client.ts';

async function waitingFor(client: Client, name: string): Promise<number> {
  const operation = { type: 'lock', name: { kind: 'lock', name: new TextEncoder().encode(name) } } as const;
  return (await client.perform(operation)).lock.waiting;
}

test('what is given back while the queue is full is given back when there is a connection again', async (context) => {
  const harness = await Harness.start(context);
  const { client: other } = await harness.client();
  const { client, network } = await harness.client();
  const lock = await client.lock('held');
  const session = await client.session({ ttlMs: 60_000 });
  await client.lock('of the session', { session });
  const first = await other.lock('awaited');
  const controller = new AbortController();
  const waiting = client.lock('awaited', { signal: controller.signal });
  await until(async () => (await waitingFor(other, 'awaited')) === 1);

  const reads = await fillQueue(harness, client, network);
  controller.abort('never mind');
  await assert.rejects(waiting, { code: 'CANCELLED' });
  const given = Promise.all([lock.release(), session.close()]);
  network.down.clear();
  await Promise.all([reads.answered, given]);

  assert.notEqual(await other.tryLock('held'), null, 'nobody released it');
  assert.notEqual(await other.tryLock('of the session'), null, 'nobody closed its session');
  await until(async () => (await waitingFor(other, 'awaited')) === 0);
  await first.release();
});

/** How often operations of this type were sent. A member refuses the first `times` of them, and does nothing. */
function refused(network: TestNetwork, type: Operation['type'], code: ErrorCode, times = 1): { readonly sent: number } {
  const counted = { sent: 0 };
  network.filters.refuse = (message) => {
    if (message.type !== 'mutate' || decodeOperation(message.operation).type !== type) return null;
    return ++counted.sent <= times ? { code, message: 'not now', outcome: 'unknown', details: {} } : null;
  };
  return counted;
}

/** What members say without asking the log. */
const refusals = ['INTERNAL', 'NO_SPACE', 'OUTCOME_UNKNOWN'] as const;

async function holder(context: TestContext): Promise<{ client: Client; network: TestNetwork; other: Client }> {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: other } = await harness.client();
  return { client, network, other };
}

test('a release is asked for until the log has answered it', async (context) => {
  const { client, network, other } = await holder(context);
  for (const code of refusals) {
    const lock = await client.lock('l');
    const releases = refused(network, 'lockRelease', code);
    await lock.release();
    assert.equal(releases.sent, 2, code);
    await (await other.lock('l')).release();
  }
});

test('a request for a lock is taken back until the log has answered that', { timeout: 20_000 }, async (context) => {
  const { client, network, other } = await holder(context);
  await other.lock('l');
  for (const code of refusals) {
    const cancels = refused(network, 'lockCancel', code);
    const waiting = client.lock('l', { timeoutMs: 200 });
    waiting.catch(() => {});
    await until(async () => (await waitingFor(other, 'l')) === 1);
    await assert.rejects(waiting, { code: 'DEADLINE_EXCEEDED' });
    await until(async () => (await waitingFor(other, 'l')) === 0);
    assert.equal(cancels.sent, 2, code);
  }
});

test('a session is closed until the log has answered that', async (context) => {
  const { client, network, other } = await holder(context);
  for (const code of refusals) {
    const session = await client.session({ ttlMs: 60_000 });
    await client.lock(code, { session });
    const closes = refused(network, 'sessionClose', code);
    await session.close();
    assert.equal(closes.sent, 2, code);
    assert.notEqual(await other.tryLock(code), null);
  }
});

test('a release that members refuse for ever does not hold up the end of its session, nor of its client', {
  timeout: 20_000,
}, async (context) => {
  const { client, network, other } = await holder(context);
  const session = await client.session({ ttlMs: 60_000 });
  const lock = await client.lock('l', { session });
  const releases = refused(network, 'lockRelease', 'INTERNAL', Number.POSITIVE_INFINITY);
  const released = lock.release();
  await until(() => releases.sent >= 2);
  await session.close();
  await released;
  assert.notEqual(await other.tryLock('l'), null);
  await client.close();
  await until(() => network.timersRunning === 0);
});

test('a hold that nobody confirmed in time is given back, though its session lives on', {
  timeout: 20_000,
}, async (context) => {
  const harness = await Harness.start(context);
  const { client: other } = await harness.client();
  const { client, network } = await harness.client();
  const session = await client.session({ ttlMs: 1_500 });
  const lock = await client.lock('held', { session });
  // Its writes keep the session alive; of its holds they say nothing.
  network.filters.refuse = ({ type }) =>
    type === 'keepalive' || type === 'keepaliveHolds'
      ? { code: 'UNAVAILABLE', message: 'not now', outcome: 'not-applied', details: {} }
      : null;
  await until(async () => {
    await client.put('mine', 'x', { session });
    return lock.signal.aborted;
  });
  assert.match(String(lock.signal.reason), /nobody confirmed it/);
  assert.equal(session.state, 'active');
  await until(async () => {
    await client.put('mine', 'x', { session });
    return (await other.tryLock('held')) !== null;
  });
});
