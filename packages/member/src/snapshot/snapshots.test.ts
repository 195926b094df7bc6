import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Member } from '@conclave/member';
import { TestCluster } from '../../testing/cluster.ts';
import { get, put, RawClient } from '../../testing/raw-client.ts';

/** Three members that keep next to nothing of their log. */
async function forgetful(context: TestContext): Promise<TestCluster> {
  const cluster = await TestCluster.start(3, undefined, { keptLog: { entries: 5, bytes: 1_000_000 } });
  context.after(() => cluster.stop());
  await until(() => cluster.leader !== null);
  return cluster;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

function leaderOf(cluster: TestCluster): Member {
  return cluster.member(cluster.leader ?? 0) as Member;
}

async function write(client: RawClient, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) await client.ask(put(`k/${n % 10}`, `${n}`));
}

/** Until the log of `member` begins behind `index`. */
async function logBeginsBehind(member: Member, index: number): Promise<void> {
  await until(() => member.raft.base.index > index);
}

test('a member that was away while the log was cut catches up by a snapshot, beside ongoing writes', async (context) => {
  const cluster = await forgetful(context);
  const away = cluster.ids.find((id) => id !== cluster.leader) ?? 0;
  const client = new RawClient(leaderOf(cluster));
  await client.wait('welcome');
  await write(client, 0, 20);
  await until(() => (cluster.member(away)?.raft.applied ?? 0) >= 20);
  const before = cluster.member(away)?.raft.applied ?? 0;
  await cluster.kill(away);
  await write(client, 20, 120);
  await logBeginsBehind(leaderOf(cluster), before);

  await cluster.restart(away);
  const load = { isOver: false };
  const writing = (async () => {
    for (let n = 120; !load.isOver; n++) await client.ask(put(`k/${n % 10}`, `${n}`));
  })();
  await until(() => (cluster.member(away)?.raft.base.index ?? 0) > before);
  await until(() => (cluster.member(away)?.raft.applied ?? 0) > before + 100);
  load.isOver = true;
  await writing;

  const { applied } = leaderOf(cluster).raft;
  const there = cluster.member(away) as Member;
  await until(() => there.raft.applied >= applied);
  const reader = new RawClient(there);
  await reader.wait('welcome');
  for (const key of ['k/0', 'k/9']) assert.deepEqual(await reader.ask(get(key)), await client.ask(get(key)));
});

test('what a snapshot brought survives a restart, and the member goes on behind it', async (context) => {
  const cluster = await forgetful(context);
  const away = cluster.ids.find((id) => id !== cluster.leader) ?? 0;
  const client = new RawClient(leaderOf(cluster));
  await client.wait('welcome');
  await cluster.kill(away);
  await write(client, 0, 60);
  await logBeginsBehind(leaderOf(cluster), 10);
  await cluster.restart(away);
  await until(() => (cluster.member(away)?.raft.base.index ?? 0) > 10);
  await cluster.kill(away);
  await cluster.restart(away);
  await client.ask(put('last', 'one'));
  const reader = new RawClient(cluster.member(away) as Member);
  await reader.wait('welcome');
  const result = await reader.ask(get('last'));
  assert.equal(result.type === 'range' && result.entries.length, 1);
});

test('a member whose state is replaced sends its clients elsewhere, and serves them again when it has it', async (context) => {
  const cluster = await forgetful(context);
  const away = cluster.ids.find((id) => id !== cluster.leader) ?? 0;
  const client = new RawClient(leaderOf(cluster));
  await client.wait('welcome');
  await write(client, 0, 10);
  const there = cluster.member(away) as Member;
  await until(() => there.raft.applied >= 10);
  const attached = new RawClient(there);
  await attached.wait('welcome');
  cluster.isolate(away);
  await write(client, 10, 80);
  await logBeginsBehind(leaderOf(cluster), 30);
  cluster.rejoin(away);
  const { error } = await attached.wait('goodbye');
  assert.equal(error.code, 'UNAVAILABLE');
  assert.match(error.message, /snapshot/);
  assert.match(there.unready ?? '', /takes its state from a snapshot/);
  assert.equal((await new RawClient(there).wait('goodbye')).error.code, 'UNAVAILABLE', 'nobody new is served either');
  await until(() => there.raft.applied > 30);
  await until(() => there.unready === null);
  const again = new RawClient(there);
  await again.wait('welcome');
  const result = await again.ask(get('k/9'));
  assert.equal(result.type === 'range' && result.entries.length, 1);
});
