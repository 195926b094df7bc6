import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberId } from '@conclave/core';
import { commandVersion } from '@conclave/protocol';
import { TestCluster } from '../testing/cluster.ts';
import { bytes, put, RawClient } from '../testing/raw-client.ts';
import { type Commands, commandsOf } from './level.ts';
import type { Member } from './member.ts';

const pollMs = 5;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, pollMs));
}

/** A later release, in which a put means something new. */
const next = commandVersion + 1;
const later: Commands = { known: next, levelOf: (type) => (type === 'put' ? next : 1) };

async function through(cluster: TestCluster, id: number): Promise<RawClient> {
  await until(() => cluster.leader !== null);
  const client = new RawClient(cluster.member(id) as Member);
  await client.wait('welcome');
  return client;
}

const remove = { type: 'delete', range: { key: bytes('k'), end: null }, returnPrevious: false } as const;

test('the level of a cluster rises by itself when the last member runs a release that knows more, and not before', async (context) => {
  const cluster = await TestCluster.start();
  context.after(() => cluster.stop());
  const levels = (): number[] => cluster.ids.map((id) => cluster.member(id)?.status.level ?? 0);
  const upgrade = async (id: number): Promise<void> => {
    cluster.commands.set(id, later);
    await cluster.kill(id);
    await cluster.restart(id);
  };
  await until(() => cluster.leader !== null);
  await until(() => levels().every((level) => level === commandVersion));
  await upgrade(1);
  await upgrade(2);
  const [newer, older] = [await through(cluster, 1), await through(cluster, 3)];
  // A leader that knows more is the one that could raise it.
  if (cluster.leader === 3) await cluster.member(3)?.transferLeader(1 as MemberId);
  await until(() => cluster.leader === 1 || cluster.leader === 2);
  // Everybody has been heard of, and still the one that knows least decides.
  const heard = (): boolean =>
    cluster.member(cluster.leader ?? 0)?.status.members.every(({ role }) => role !== 'unreachable') ?? false;
  for (let round = 0; round < 30; round++) {
    await until(heard);
    await newer.ask(remove);
  }
  assert.deepEqual(levels(), [commandVersion, commandVersion, commandVersion]);
  await assert.rejects(
    newer.ask(put('k', '1')),
    new RegExp(`UNSUPPORTED_VERSION put needs a cluster at level ${next}, and this one is at ${commandVersion}`),
  );
  await older.ask(put('k', 'as it was'));

  await upgrade(3);
  await until(() => levels().every((level) => level === next));
  for (const id of cluster.ids) await (await through(cluster, id)).ask(put('k', 'as it is now'));
  // Kept over restarts, and by members that replace others.
  await cluster.kill(2);
  await cluster.restart(2);
  await until(() => cluster.member(2)?.status.level === next);
});

test('a release that knows less than the cluster does not start on its state', async (context) => {
  const cluster = await TestCluster.start(1);
  context.after(() => cluster.stop());
  cluster.commands.set(1, later);
  await cluster.kill(1);
  await cluster.restart(1);
  await until(() => cluster.member(1)?.status.level === next);
  // A backup begins with a checkpoint: the level is in the state, and not only in the log.
  const client = await through(cluster, 1);
  client.send({ type: 'backupRead', id: 1, chunk: 0 });
  await client.wait('backupChunk');
  await cluster.kill(1);
  cluster.commands.delete(1);
  await assert.rejects(
    cluster.restart(1),
    new RegExp(
      `the cluster is at level ${next}, and this release knows level ${commandVersion}: run the release that wrote`,
    ),
  );
});

test('everything that this release proposes it knows itself', () => {
  const { known, levelOf } = commandsOf({});
  for (const type of ['put', 'txn', 'clusterSet', 'clusterLevel'] as const) assert.ok(levelOf(type) <= known);
});
