// An old copy of a data directory, put back where it came from: it is consistent with itself, so only others can know better.
import assert from 'node:assert/strict';
import { cpSync, renameSync } from 'node:fs';
import { test } from 'node:test';
import { runConclave } from '../processes/conclave-program.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';

const timeout = 120_000;

test('a member on an old copy of its directory is turned away by its peers and ends for good, also when its vote is needed, and nothing is lost', {
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

  // It hears it from the one who knows, and ends: nobody can ask it for its vote, also not whoever knows nothing.
  const started = cluster.run(setBack);
  await cluster
    .member(leader)
    .line(/has lost what it acknowledged: its disk says \d+ in term \d+, once it was \d+/, patienceMs);
  assert.deepEqual(await started.ended(patienceMs), { code: 3, signal: null }, started.output());
  assert.match(started.output(), /this disk has lost what it acknowledged, says member \d: it must not vote/);
  await cluster.kill(setBack);

  // Whoever starts it again, as a supervisor does, gives it no other chance: it is refused by its own disk, before it has asked anybody.
  const refusals = (): number => cluster.member(leader).output().split('has lost what it acknowledged').length;
  const refused = refusals();
  const again = cluster.run(setBack);
  assert.deepEqual(await again.ended(patienceMs), { code: 3, signal: null }, again.output());
  assert.match(again.output(), /has lost what it acknowledged, as member \d said at \S+, and must not vote any more/);
  assert.match(again.output(), /`conclave member replace`/);
  assert.equal(refusals(), refused, cluster.output());
  await cluster.kill(setBack);
  const verified = await runConclave(['data', 'verify', directory]);
  assert.deepEqual([verified.code, verified.stdout], [1, '']);
  assert.match(verified.stderr, /must not vote any more/);
  // What is on it can still be read, when there is nothing better.
  const exported = await runConclave(['data', 'export', directory, `${directory}.snapshot`, '--json']);
  assert.equal(exported.code, 0, exported.stderr);
  assert.match(exported.stderr, /^conclave data: warning: this disk has lost what it acknowledged, as member \d said/);
  assert.equal((await runConclave(['snapshot', 'inspect', `${directory}.snapshot`])).code, 0);

  // Two of three are gone: there is no majority, and nobody is told otherwise.
  await assert.rejects(client.put('unconfirmed', '1', { timeoutMs: 2_000 }));

  // The one that was away comes back: now there is one without the old copy, and it gets everything from the leader.
  cluster.run(other);
  assert.equal(await cluster.leader(), leader);
  for (let at = 0; at < 20; at++) assert.ok((await client.get(`new/${at}`)) !== null, `new/${at} is lost`);
});
