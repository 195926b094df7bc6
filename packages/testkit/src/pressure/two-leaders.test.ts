import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '@conclave/client';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { Contest } from '../workers/contest.ts';

const timeout = 120_000;
const subject = 'scheduler';

test('when all members restart there are no two leaders, whether the old one comes through or not, and who observes learns of each (microsoft/etcd3#158, #176)', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using contest = await Contest.start(cluster, { kind: 'election', subject, ttlMs: 5_000 });
  await using client = await connect({ endpoints: cluster.endpoints });
  const election = client.election(subject);
  const observed: number[] = [];
  const stopping = new AbortController();
  const observing = (async () => {
    for await (const leader of election.observe({ signal: stopping.signal }))
      if (leader !== null) observed.push(leader.fence);
  })().catch(() => {});
  const [one, two] = [contest.start('one'), contest.start('two')];
  await contest.waiting(1);
  const leads = async (): Promise<number> =>
    waitFor(
      async () => {
        const leader = await election.leader();
        const worker = [one, two].find((each) => each.hasUsed && each.held.at(-1) === leader?.fence);
        return worker === undefined ? null : leader?.fence;
      },
      patienceMs,
      () => `${one.child.output()}\n${two.child.output()}\n${cluster.output()}`,
    );
  const first = await leads();
  await cluster.kill(...cluster.ids);
  for (const id of cluster.ids) cluster.run(id);
  await cluster.leader();
  // Both go on over new connections: the other one still waits behind whoever leads.
  await contest.waiting(1);
  const afterwards = await leads();
  assert.ok(afterwards >= first);
  // And once more when the leader dies with all members: the other one follows it, and nobody else.
  const leader = [one, two].find((each) => each.held.at(-1) === afterwards) ?? one;
  const other = leader === one ? two : one;
  await Promise.all([leader.kill(), cluster.kill(...cluster.ids)]);
  for (const id of cluster.ids) cluster.run(id);
  await cluster.leader();
  const last = await other.using(afterwards);
  await waitFor(
    () => observed.includes(last),
    patienceMs,
    () => `term ${last} was not observed, but ${observed.join()}`,
  );
  assert.deepEqual(
    observed,
    [...new Set(observed)].toSorted((a, b) => a - b),
  );
  assert.ok(observed.includes(first), `term ${first} was not observed`);
  stopping.abort();
  await observing;
  await contest.judge();
});
