import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Member } from '@conclave/member';
import { TestCluster } from '../../testing/cluster.ts';
import { put, RawClient } from '../../testing/raw-client.ts';

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

async function start(context: TestContext): Promise<TestCluster> {
  const cluster = await TestCluster.start();
  context.after(() => cluster.stop());
  await until(() => cluster.leader !== null);
  return cluster;
}

async function through(cluster: TestCluster, id: number): Promise<RawClient> {
  const client = new RawClient(cluster.member(id) as Member);
  await client.wait('welcome');
  return client;
}

let ids = 1_000;

async function chunkOf(client: RawClient, chunk: number): Promise<Uint8Array | null> {
  const id = ids++;
  client.send({ type: 'backupRead', id, chunk });
  const answer = await Promise.race([
    client.wait('backupChunk', (message) => message.id === id),
    client.wait('error', (message) => message.id === id),
  ]);
  if (answer.type === 'error') throw new Error(`${answer.error.code} ${answer.error.message}`);
  return answer.bytes;
}

/** The head of the stream says of which entry it is. */
function indexOf(head: Uint8Array | null): number {
  const { position } = JSON.parse(Buffer.from(head?.subarray(18) ?? []).toString()) as { position: { index: number } };
  return position.index;
}

test('a backup through any member contains what was acknowledged through any other before it', async (context) => {
  const cluster = await start(context);
  const writer = await through(cluster, cluster.leader ?? 0);
  for (const id of cluster.ids) {
    const client = await through(cluster, id);
    for (let round = 0; round < 10; round++) {
      await writer.ask(put('k', `${id} ${round}`));
      const { applied } = cluster.member(cluster.leader ?? 0) as Member;
      const head = await chunkOf(client, 0);
      assert.ok(indexOf(head) >= applied, `a backup of entry ${indexOf(head)}, and ${applied} was acknowledged`);
      let chunk = 1;
      while ((await chunkOf(client, chunk)) !== null) chunk++;
      assert.ok(chunk >= 3, 'head, records, trailer');
    }
  }
});

test('one backup at a time is taken of a member, in order, and one whose client has gone makes room', async (context) => {
  const cluster = await start(context);
  const [first, second] = [await through(cluster, 1), await through(cluster, 1)];
  await first.ask(put('k', 'v'));
  await chunkOf(first, 0);
  await assert.rejects(chunkOf(second, 0), /OVERLOADED a backup is being taken of this member already; the limit is 1/);
  await assert.rejects(chunkOf(second, 1), /INVALID_ARGUMENT chunk 1 is not the next one/);
  await assert.rejects(chunkOf(first, 2), /INVALID_ARGUMENT chunk 2 is not the next one/);
  await chunkOf(first, 1);
  first.close();
  await chunkOf(second, 0);
  // Begun anew by the same client: the one before is given up.
  await chunkOf(second, 0);
  await chunkOf(second, 1);
});

test('where there is no leader there is no backup', async (context) => {
  const cluster = await start(context);
  const client = await through(cluster, 1);
  await cluster.kill(2);
  await cluster.kill(3);
  await assert.rejects(chunkOf(client, 0), /UNAVAILABLE/);
});
