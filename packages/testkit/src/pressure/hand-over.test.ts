import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '@conclave/client';
import { runConclave } from '../processes/conclave-program.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { Workload } from './workload.ts';

const timeout = 120_000;
const writesBetweenMoves = 150;

test('`conclave leader transfer` under load: leadership moves to whom it was to, through any member, and nothing is lost, repeated or reordered', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using load = await Workload.start(cluster);
  await load.progress(writesBetweenMoves);
  for (let time = 0; time < 3; time++) {
    const [to = 0, other = 0] = await cluster.followers();
    // Asked of a member that does not lead.
    const asked = await runConclave(['leader', 'transfer', `${to}`, '--endpoints', cluster.endpoint(other), '--json']);
    assert.equal(asked.code, 0, asked.stderr);
    assert.deepEqual(JSON.parse(asked.stdout), { leader: to });
    assert.equal(await cluster.leader(), to);
    await load.progress(writesBetweenMoves);
  }
  await load.judge();
});

test('SIGTERM of the leader hands leadership over before it ends, without waiting for anybody to miss it', {
  timeout,
}, async () => {
  // So long that whoever had to find out by himself would still be at it.
  await using cluster = await TestCluster.start({ heartbeatMs: 2_000, electionMs: 6_000 });
  const leader = await cluster.leader();
  const others = await cluster.followers();
  const clients = await Promise.all(others.map(async (id) => connect({ endpoints: [cluster.endpoint(id)] })));
  await clients[0]?.put('k', 'v');
  const retired = cluster.member(leader);
  retired.signal('SIGTERM');
  assert.equal((await retired.ended(patienceMs)).code, 0, retired.output());
  const seen = await Promise.all(clients.map(async (client) => (await client.status()).leader));
  assert.ok(
    others.some((id) => seen.includes(id)),
    `leaders seen when it had ended: ${seen.join()}`,
  );
  await clients[1]?.put('k', 'w');
  assert.equal((await clients[0]?.get('k'))?.text(), 'w');
  await Promise.all(clients.map(async (client) => client.close()));
});

test('a transfer to nobody is refused by name', { timeout }, async () => {
  await using cluster = await TestCluster.start();
  const run = async (...args: readonly string[]): Promise<{ code: number | null; stderr: string }> =>
    runConclave(['leader', ...args, '--endpoints', cluster.endpoints.join(',')]);
  const stranger = await run('transfer', '9');
  assert.equal(stranger.code, 2, stranger.stderr);
  assert.match(stranger.stderr, /another voter/);
  const word = await run('transfer', 'x');
  assert.equal(word.code, 2, word.stderr);
  assert.match(word.stderr, /ID "x"/);
  const nothing = await run();
  assert.equal(nothing.code, 2, nothing.stderr);
  assert.match(nothing.stderr, /leader transfer \[ID\]/);
});
