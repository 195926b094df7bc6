import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCluster } from '../processes/test-cluster.ts';
import { Workload } from './workload.ts';

const timeout = 120_000;
const writesBetweenFaults = 150;

test('kill -9 of the leader under load: every acknowledged write is there, histories are linearizable, fences only grow, watches have no gap', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using load = await Workload.start(cluster);
  await load.progress(writesBetweenFaults);
  const leader = await cluster.leader();
  await cluster.kill(leader);
  await load.progress(writesBetweenFaults);
  assert.notEqual(await cluster.leader(), leader);
  cluster.run(leader);
  await cluster.ready(leader);
  await load.progress(writesBetweenFaults);
  await load.judge();
});

test('kill -9 of a follower under load: every acknowledged write is there, histories are linearizable, fences only grow, watches have no gap', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using load = await Workload.start(cluster);
  await load.progress(writesBetweenFaults);
  const [follower = 0] = await cluster.followers();
  await cluster.kill(follower);
  await load.progress(writesBetweenFaults);
  cluster.run(follower);
  await cluster.ready(follower);
  await load.progress(writesBetweenFaults);
  await load.judge();
});

test('kill -9 of all three at once under load: every acknowledged write is there, histories are linearizable, fences only grow, watches have no gap', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using load = await Workload.start(cluster);
  await load.progress(writesBetweenFaults);
  await cluster.kill(...cluster.ids);
  for (const id of cluster.ids) cluster.run(id);
  await cluster.leader();
  await load.progress(writesBetweenFaults);
  for (const id of cluster.ids) await cluster.ready(id);
  await load.judge();
});
