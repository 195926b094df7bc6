import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '@conclave/client';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

/** More than members keep of their log for those that lag (core's `keptLogEntries`). */
const writes = 70_000;
const outstanding = 512;
const keys = 500;

test('a member that was away for longer than the log reaches catches up by a snapshot, beside ongoing writes, and keeps it', {
  timeout: 240_000,
}, async () => {
  await using cluster = await TestCluster.start();
  await using client = await cluster.connect();
  const [away = 0] = await cluster.followers();
  await client.put('k/0', '0');
  await cluster.kill(away);
  let next = 0;
  const write = async (until: () => boolean): Promise<void> => {
    while (!until()) {
      const n = next++;
      await client.put(`k/${n % keys}`, `${n}`);
    }
  };
  await Promise.all(Array.from({ length: outstanding }, async () => write(() => next >= writes)));

  const load = { isOver: false };
  const writing = write(() => load.isOver);
  cluster.run(away);
  const generation = (): boolean => readdirSync(cluster.directoryOf(away)).includes('state-1');
  await waitFor(
    () => generation(),
    patienceMs,
    () => `no snapshot came\n${cluster.output()}`,
  );
  await cluster.ready(away);
  load.isOver = true;
  await writing;

  const read = async (): Promise<string[]> => {
    await using reader = await connect({ endpoints: [cluster.endpoint(away)] });
    const { entries } = await reader.list({ prefix: 'k/' });
    return entries.map(({ key, version }) => `${key} ${version} ${entries.length}`);
  };
  const { entries } = await client.list({ prefix: 'k/' });
  const expected = entries.map(({ key, version }) => `${key} ${version} ${entries.length}`);
  assert.equal(entries.length, keys);
  assert.deepEqual(await read(), expected);
  // What it was given is its own now.
  await cluster.kill(away);
  cluster.run(away);
  await cluster.ready(away);
  assert.deepEqual(await read(), expected);
  assert.equal(readdirSync(join(cluster.directoryOf(away))).includes('state'), false, 'the old state is gone');
});
