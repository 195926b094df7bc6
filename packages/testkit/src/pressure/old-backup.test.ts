import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { test } from 'node:test';
import { ConclaveError, connect } from '@conclave/client';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';

const timeout = 120_000;
const writes = 50;
const noMajorityMs = 3_000;

test('an old copy put back on one member whose vote is then needed: who has seen more of it refuses it, nothing is served without it, and nothing is lost', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using client = await cluster.connect();
  await client.put('before', 'the copy');
  const leader = await cluster.leader();
  const [restored = 0, away = 0] = await cluster.followers();
  await cluster.kill(restored);
  const copy = `${cluster.directoryOf(restored)}-copy`;
  await cp(cluster.directoryOf(restored), copy, { recursive: true });
  cluster.run(restored);
  await cluster.ready(restored);

  // Acknowledged by the leader and by the member whose copy is older than that, and by nobody else.
  await cluster.kill(away);
  for (let at = 0; at < writes; at++) await client.put(`k/${at}`, 'acknowledged');
  await cluster.kill(restored);
  await rm(cluster.directoryOf(restored), { recursive: true });
  await cp(copy, cluster.directoryOf(restored), { recursive: true });
  cluster.run(restored);
  await cluster.member(leader).line(/has lost what it acknowledged/, patienceMs);

  // With it there would be a majority.
  await using alone = await connect({ endpoints: [cluster.endpoint(leader), cluster.endpoint(restored)] });
  const refused = async (what: Promise<unknown>): Promise<void> =>
    assert.rejects(what, (error) => ConclaveError.is(error));
  await refused(alone.get('k/0', { timeoutMs: noMajorityMs }));
  await refused(alone.put('without it', 'never', { timeoutMs: noMajorityMs }));

  cluster.run(away);
  await cluster.ready(away);
  const { entries } = await client.list({ prefix: 'k/' });
  assert.equal(entries.length, writes);
  assert.equal((await client.get('before'))?.text(), 'the copy');
});
