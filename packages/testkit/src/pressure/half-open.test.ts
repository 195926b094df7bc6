import { test } from 'node:test';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';

test('a leader whose connections to a follower are open and lead nowhere finds out and dials again', {
  timeout: 120_000,
}, async () => {
  await using cluster = await TestCluster.start({ proxied: 'peers' });
  const leader = await cluster.leader();
  const [follower = 0] = await cluster.followers();
  const link = cluster.links.get(follower);
  await cluster.ready(follower);
  // The follower's side is gone; the leader's stays open, and whatever is sent there is taken.
  link?.halve('target', `${leader}`);
  await cluster.member(leader).line(/link lost/, patienceMs);
  // It has heard of no leader since, until it is dialled again.
  await cluster.ready(follower);
});
