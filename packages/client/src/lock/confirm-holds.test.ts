import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientMessage, MemberMessage } from '@conclave/protocol';
import { Harness, until } from '../../testing/harness.ts';
import type { TestNetwork } from '../../testing/network.ts';
import { ConclaveError } from '../error.ts';
import type { Lock } from './lock.ts';

const ttlMs = 1_500;

/** Two locks of a session, one of which is broken without the client being told. `heard`: what the member says to it instead. */
async function brokenUnheard(
  harness: Harness,
  heard: (message: MemberMessage) => MemberMessage,
): Promise<{ readonly network: TestNetwork; readonly lost: Lock; readonly kept: Lock }> {
  const { client, network } = await harness.client();
  const { client: operator } = await harness.client();
  network.filters.replace = (message) =>
    message.type === 'broken' ? { type: 'contended', session: 999_999, sequence: 1 } : heard(message);
  network.current?.cut();
  await until(() => client.state === 'ready');
  const session = await client.session({ ttlMs });
  const lost = await client.lock('lost', { session });
  const kept = await client.lock('kept', { session });
  network.framesSent.length = 0;
  const name = { kind: 'lock', name: new TextEncoder().encode('lost') } as const;
  await operator.perform({ type: 'lockBreak', name, fence: lost.fence, holder: null, now: false });
  await until(() => lost.signal.aborted);
  assert.ok(ConclaveError.is(lost.signal.reason, 'LOCK_LOST'));
  assert.match(lost.signal.reason.message, /it was broken/);
  kept.assertHeld();
  return { network, lost, kept };
}

/** But signs of life, which a slow machine is asked for. */
function sent(network: TestNetwork): ReadonlySet<ClientMessage['type']> {
  const types = network.framesSent.flat().map(({ type }) => type);
  return new Set(types.filter((type) => type !== 'statusRequest'));
}

/** Longer than a hold lives that nobody confirms. */
async function outlives(kept: Lock): Promise<void> {
  const sinceMs = performance.now();
  await until(() => performance.now() - sinceMs > 1.5 * ttlMs);
  kept.assertHeld();
}

test('a forced release that the holder was not told of is found out by its next keepalive, which asks nothing beside it', async (context) => {
  const harness = await Harness.start(context);
  const { kept, network } = await brokenUnheard(harness, (message) => message);
  await outlives(kept);
  assert.deepEqual([...sent(network)], ['keepaliveHolds']);
});

test('a member without the feature is asked by a query, and one that lags when it says so', async (context) => {
  const harness = await Harness.start(context);
  const old = await brokenUnheard(harness, (one) => (one.type === 'welcome' ? { ...one, features: [] } : one));
  await outlives(old.kept);
  assert.deepEqual([...sent(old.network)].toSorted(), ['keepalive', 'query']);
  await old.kept.release();
  const late = await brokenUnheard(harness, (one) =>
    one.type === 'keepaliveHoldsAnswer' ? { ...one, lost: null } : one,
  );
  await outlives(late.kept);
  assert.deepEqual([...sent(late.network)].toSorted(), ['keepaliveHolds', 'query']);
});
