import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '@conclave/client';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

/** From each member to each other, one a lane. */
const links = 3 * 2 * 3;

test('links between members that died without a word are noticed, and made anew', { timeout: 120_000 }, async () => {
  await using cluster = await TestCluster.start({ proxied: true });
  await using client = await cluster.connect();
  await client.put('before', 'x');
  const accepted = (): number => [...cluster.links.values()].reduce((sum, link) => sum + link.accepted, 0);
  const before = accepted();
  for (const link of cluster.links.values()) link.freeze();
  // Nobody can commit anything over what is left: only new connections help.
  await client.put('after', 'y', { timeoutMs: patienceMs });
  await waitFor(
    () => accepted() - before >= links,
    patienceMs,
    () => `${accepted() - before} of ${links} links were made anew\n${cluster.output()}`,
  );
  for (const id of cluster.ids) {
    await using one = await connect({ endpoints: [cluster.endpoint(id)] });
    assert.equal((await one.get('after'))?.text(), 'y');
  }
});
