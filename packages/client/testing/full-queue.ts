import assert from 'node:assert/strict';
import { bounds } from '../src/bounds.ts';
import type { Client } from '../src/client.ts';
import { ConclaveError } from '../src/error.ts';
import { type Harness, until } from './harness.ts';
import type { TestNetwork } from './network.ts';

/** Nothing is sent any more, and as many wait to be sent as may. */
export async function fillQueue(
  harness: Harness,
  client: Client,
  network: TestNetwork,
): Promise<{ readonly answered: Promise<unknown> }> {
  for (const id of harness.cluster.ids) network.down.add(id);
  network.current?.cut();
  await until(() => client.state === 'reconnecting');
  // What the client asks by itself waits too, so that not all of these need find room.
  const reads = Array.from({ length: bounds.maxQueuedRequests }, async () =>
    client.get('k').catch((error: unknown) => assert.ok(ConclaveError.is(error, 'OVERLOADED'), String(error))),
  );
  await assert.rejects(client.get('k'), { code: 'OVERLOADED' });
  return { answered: Promise.all(reads) };
}
