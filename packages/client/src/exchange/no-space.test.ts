import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../../testing/harness.ts';
import { ConclaveError } from '../error.ts';

/** Shorter than the margin that is left for an answer: one refusal is the last. */
const onceMs = 400;

function setLow(harness: Harness, low: boolean): void {
  for (const id of harness.cluster.ids) harness.cluster.setDiskLow(id, low);
}

test('a write that a low disk refuses is asked again until its time is over, and then the error says why, and that nothing was done', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  await client.put('k', 'before');
  setLow(harness, true);
  const refusal = async (): Promise<unknown> =>
    client.put('k', 'during', { timeoutMs: onceMs }).then(
      () => null,
      (reason: unknown) => reason,
    );
  await until(async () => (await refusal()) !== null);

  const error = await client.put('k', 'again', { timeoutMs: 1_500 }).catch((reason: unknown) => reason);
  assert.ok(ConclaveError.is(error, 'NO_SPACE'), String(error));
  assert.match(error.message, /disk space is low/);
  assert.equal(error.outcome, 'not-applied');
  assert.equal(error.retryable, true);
  assert.equal((await client.delete('k')).ok, true);

  const waiting = client.put('k', 'after');
  setLow(harness, false);
  await waiting;
  assert.equal((await client.get('k'))?.text(), 'after');
});

test('who waits for a session that a low disk refuses hears why', async (context) => {
  const harness = await Harness.start(context);
  const { client: operator } = await harness.client({ identity: 'idempotency-key' });
  setLow(harness, true);
  await until(async () => {
    const put = operator.put('k', 'v', { timeoutMs: onceMs });
    return put.then(
      () => false,
      // Not when it merely took too long.
      (reason: unknown) => ConclaveError.is(reason, 'NO_SPACE'),
    );
  });
  const { client } = await harness.client();
  const timeoutMs = 1_000;
  for (const call of [async () => client.put('k', 'v', { timeoutMs }), async () => client.session({ timeoutMs })]) {
    await assert.rejects(call, { code: 'NO_SPACE', outcome: 'not-applied', message: /disk space is low/ });
  }
});

test('of a write whose answer was lost, and which a low disk then refuses, the outcome is unknown', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client({ identity: 'idempotency-key' });
  let lost = false;
  network.filters.toClient = (message) => {
    if (message.type !== 'result' || lost) return true;
    lost = true;
    setLow(harness, true);
    // Back when the cluster takes no more writes.
    for (const id of harness.cluster.ids) network.down.add(id);
    return false;
  };
  const { client: other } = await harness.client({ identity: 'idempotency-key' });
  const put = client.put('k', 'v', { timeoutMs: 6_000 }).catch((reason: unknown) => reason);
  await until(() => lost);
  await until(async () => {
    const probe = other.put('probe', 'v', { timeoutMs: onceMs });
    return probe.then(
      () => false,
      (reason: unknown) => ConclaveError.is(reason, 'NO_SPACE'),
    );
  });
  for (const id of harness.cluster.ids) network.down.delete(id);
  const error = await put;
  assert.ok(ConclaveError.is(error, 'NO_SPACE'), String(error));
  assert.equal(error.outcome, 'unknown');
});
