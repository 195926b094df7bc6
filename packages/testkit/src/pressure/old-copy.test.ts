// An old copy of a data directory, put back where it came from: it is consistent with itself, so only others can know better.
import assert from 'node:assert/strict';
import { cpSync, renameSync } from 'node:fs';
import { test } from 'node:test';
import { connect } from '@conclave/client';
import { runConclave } from '../processes/conclave-program.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

const timeout = 120_000;

test('a member on an old copy of its directory is turned away by its peers, also when its vote is needed, and nothing is lost', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using client = await cluster.connect();
  await client.put('old', '1');
  const [setBack = 0, other = 0] = await cluster.followers();
  await cluster.ready(setBack);
  await cluster.kill(setBack);
  const directory = cluster.directoryOf(setBack);
  cpSync(directory, `${directory}-copy`, { recursive: true });
  cluster.run(setBack);
  await cluster.ready(setBack);

  // Acknowledged by the leader and the one that is about to be set back, and by nobody else.
  await cluster.kill(other);
  for (let at = 0; at < 20; at++) await client.put(`new/${at}`, `${at}`);
  const leader = await cluster.leader();
  await cluster.kill(setBack);
  renameSync(directory, `${directory}-newer`);
  renameSync(`${directory}-copy`, directory);
  // It is whole: nothing on it says that it is old.
  assert.equal((await runConclave(['data', 'verify', directory])).code, 0);

  cluster.run(setBack);
  await cluster.member(setBack).line(/has lost what it acknowledged|refused/, patienceMs);
  await cluster
    .member(leader)
    .line(/has lost what it acknowledged: its disk says \d+ in term \d+, once it was \d+/, patienceMs);
  // Two of three run, and there is no majority: the vote that is needed is not taken.
  await assert.rejects(client.put('unconfirmed', '1', { timeoutMs: 2_000 }));
  const view = await (async () => {
    await using local = await connect({ endpoints: [cluster.endpoint(setBack)] });
    return await local.status();
  })();
  assert.equal(view.leader, null);

  // The one that was away comes back: now there is a majority without the old copy.
  cluster.run(other);
  await waitFor(
    async () => (await cluster.leader()) !== setBack,
    patienceMs,
    () => cluster.output(),
  );
  for (let at = 0; at < 20; at++) assert.ok((await client.get(`new/${at}`)) !== null, `new/${at} is lost`);
});
