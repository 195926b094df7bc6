import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillQueue } from '../../testing/full-queue.ts';
import { Harness } from '../../testing/harness.ts';

test('a session is opened past a full queue, before everything that waits in it', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const reads = await fillQueue(harness, client, network);
  const before = network.framesSent.length;
  const opening = client.session({ ttlMs: 60_000 });
  network.down.clear();
  await opening;
  await reads.answered;
  const left = network.framesSent.slice(before).flatMap((frame) => frame.map(({ type }) => type));
  const first = left.find((type) => type !== 'hello');
  assert.equal(first, 'sessionOpen', 'it waited behind what is not urgent');
});
