import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '@conclave/client';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { LockContender } from './recorded-locks.ts';
import { Workload } from './workload.ts';

const timeout = 120_000;
const locks = 5;
const contendersOfALock = 6;
const writesBetweenFaults = 100;

test('kill -9 of the leader while grants are under way: nobody holds twice, fences grow, every write applies once, and no grant is left behind', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using load = await Workload.start(cluster);
  await using operator = await connect({ endpoints: cluster.endpoints });
  const stopping = new AbortController();
  const contenders = await Promise.all(
    Array.from({ length: locks * contendersOfALock }, async (_, at) => {
      const [name, lock] = [`m${at}`, `mid/${at % locks}`];
      return LockContender.connect(load.recorder, { name, lock, endpoints: cluster.endpoints });
    }),
  );
  const loops = Promise.all(contenders.map(async (one) => one.run(stopping.signal)));
  loops.catch(() => {});
  const everybodyHolds = async (): Promise<void> => {
    const wanted = contenders.map(({ holds }) => holds + 1);
    await waitFor(
      () => contenders.every(({ holds }, at) => holds >= (wanted[at] ?? 0)),
      patienceMs,
      () => `${contenders.map(({ holds, name }) => `${name}: ${holds}`).join()}\n${cluster.output()}`,
    );
  };
  for (let time = 0; time < 2; time++) {
    await everybodyHolds();
    const leader = await cluster.leader();
    await cluster.kill(leader);
    await everybodyHolds();
    cluster.run(leader);
    await cluster.ready(leader);
    await load.progress(writesBetweenFaults);
  }
  stopping.abort();
  await loops;
  for (const contender of contenders) await contender.close();
  for (let at = 0; at < locks; at++) {
    const name = { kind: 'lock', name: new TextEncoder().encode(`mid/${at}`) } as const;
    const { lock } = await operator.perform({ type: 'lock', name });
    assert.deepEqual([lock.holders, lock.queue], [[], []]);
  }
  await load.judge();
});
