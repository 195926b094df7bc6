import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCluster } from '../processes/test-cluster.ts';
import { Workload } from './workload.ts';

const timeout = 120_000;
const writesBetweenFaults = 150;

test('kill -9 of the leader under load: every acknowledged write is there, none twice, histories are linearizable, fences only grow, watches have no gap', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using load = await Workload.start(cluster);
  await load.progress(writesBetweenFaults);
  const leader = await cluster.leader();
  const stranded = await load.strand(leader);
  await load.progress(writesBetweenFaults);
  await cluster.kill(leader);
  await stranded.acknowledged();
  await load.progress(writesBetweenFaults);
  assert.notEqual(await cluster.leader(), leader);
  cluster.run(leader);
  await cluster.ready(leader);
  await load.progress(writesBetweenFaults);
  await load.judge();
});

test('kill -9 of a leader that reached nobody any more: what it could not replicate it had not acknowledged', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start({ proxied: 'peers' });
  await using load = await Workload.start(cluster);
  await load.progress(writesBetweenFaults);
  const leader = await cluster.leader();
  const followers = await cluster.followers();
  const links = followers.map((id) => cluster.links.get(id));
  for (const link of links) link?.cut('forward');
  // The first may have begun before the cut; the second was sent to a leader that is alone.
  await load.putsEnded(leader, 2);
  await cluster.kill(leader);
  // What was under way to the others is lost with it.
  for (const link of links) {
    link?.drop();
    link?.heal();
  }
  await load.writes(writesBetweenFaults);
  await load.judge(followers);
  cluster.run(leader);
  await cluster.ready(leader);
});

test('kill -9 of a follower under load: every acknowledged write is there, none twice, histories are linearizable, fences only grow, watches have no gap', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using load = await Workload.start(cluster);
  await load.progress(writesBetweenFaults);
  const [follower = 0] = await cluster.followers();
  const stranded = await load.strand(follower);
  await load.progress(writesBetweenFaults);
  await cluster.kill(follower);
  await stranded.acknowledged();
  await load.progress(writesBetweenFaults);
  cluster.run(follower);
  await cluster.ready(follower);
  await load.progress(writesBetweenFaults);
  await load.judge();
});

test('kill -9 of all three at once under load: every acknowledged write is there, none twice, histories are linearizable, fences only grow, watches have no gap', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using load = await Workload.start(cluster);
  await load.progress(writesBetweenFaults);
  const stranded = await load.strand(await cluster.leader());
  await cluster.kill(...cluster.ids);
  for (const id of cluster.ids) cluster.run(id);
  await stranded.acknowledged();
  await cluster.leader();
  await load.progress(writesBetweenFaults);
  for (const id of cluster.ids) await cluster.ready(id);
  await load.judge();
});
