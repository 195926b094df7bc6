import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from '../testing/harness.ts';
import type { TestNetwork } from '../testing/network.ts';
import type { Client } from './client.ts';
import { ConclaveError } from './error.ts';

for (const identity of ['session', 'idempotency-key'] as const) {
  test(`what was sent by ${identity} and not answered before a restore is not sent again: its outcome is unknown`, async (context) => {
    const harness = await Harness.start(context);
    const { client, network } = await harness.client({ identity });
    await client.put('before', '1');
    let sent = 0;
    network.filters.toMember = (message) => {
      if (message.type === 'mutate') sent++;
      return true;
    };
    // Applied, and its answer is lost with the connection; the next connection is to a restored cluster.
    network.filters.toClient = (message) => {
      if (message.type !== 'result') return true;
      for (const id of harness.cluster.ids) network.incarnations.set(id, 2);
      network.filters.toClient = () => true;
      return false;
    };
    await assert.rejects(
      client.put('during', '1'),
      (error) => ConclaveError.is(error, 'OUTCOME_UNKNOWN') && error.outcome === 'unknown',
    );
    assert.equal(sent, 1);
  });
}

test('what had not been sent before a restore is asked of the new cluster', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client({ identity: 'idempotency-key' });
  await client.put('before', '1');
  for (const id of harness.cluster.ids) network.incarnations.set(id, 2);
  await cut(client, network);
  await client.put('during', '1');
  assert.equal((await client.get('during'))?.text(), '1');
});

test('a member of an incarnation before the one that was seen is left for another', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  for (const id of harness.cluster.ids) network.incarnations.set(id, 2);
  await cut(client, network);
  await client.put('k', '1');
  const [, ...others] = harness.cluster.ids;
  for (const id of others) network.incarnations.set(id, 1);
  for (let round = 0; round < 5; round++) {
    await cut(client, network);
    await client.put('k', `${round}`);
    assert.equal(network.current?.memberId, harness.cluster.ids[0]);
  }
});

/** By the event: the client may be connected again before a poll would have seen that it was not. */
async function cut(client: Client, network: TestNetwork): Promise<void> {
  const noticed = new Promise<void>((resolve) => {
    client.on('state', (state) => {
      if (state !== 'ready') resolve();
    });
  });
  network.current?.cut();
  await noticed;
}
