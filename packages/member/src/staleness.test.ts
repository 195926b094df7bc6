import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeResult, encodeOperation } from '@conclave/protocol';
import { TestCluster } from '../testing/cluster.ts';
import { get, put, RawClient } from '../testing/raw-client.ts';

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 2));
}

interface LocalRead {
  readonly value: string;
  readonly stalenessMs: number;
  /** Not later than when the member looked. */
  readonly sentMs: number;
}

let nextId = 1_000;

async function readLocally(client: RawClient): Promise<LocalRead> {
  const id = nextId++;
  const operation = encodeOperation(get('k'));
  const sentMs = performance.now();
  client.send({ type: 'query', id, consistency: 'local', minRevision: 0, deadlineMs: null, operation });
  const { result, stalenessMs } = await client.wait('result', (answer) => answer.id === id);
  const read = decodeResult(result);
  assert.ok(read.type === 'range' && stalenessMs !== null);
  return { value: new TextDecoder().decode(read.entries[0]?.value ?? undefined), stalenessMs, sentMs };
}

test('a local read says how old it may be, also on a follower that hears of its leader and whose disk stands still', async (context) => {
  const cluster = await TestCluster.start();
  context.after(() => cluster.stop());
  await until(() => cluster.leader !== null);
  const { leader } = cluster;
  const follower = cluster.ids.find((id) => id !== leader) ?? 0;
  const [writer, reader] = [leader ?? 0, follower].map((id) => new RawClient(cluster.member(id)!)) as [
    RawClient,
    RawClient,
  ];
  await writer.wait('welcome');
  await reader.wait('welcome');
  await writer.ask(put('k', 'old'));
  await until(async () => (await readLocally(reader)).value === 'old');
  // It asks the leader again and again, as long as there is a client.
  await until(async () => (await readLocally(reader)).stalenessMs < 1_000);

  const goesOn = cluster.stallDisk(follower);
  await writer.ask(put('k', 'new'));
  const overwrittenMs = performance.now();
  let last = await readLocally(reader);
  while (last.stalenessMs < 200) {
    if (last.value === 'old') {
      const sinceMs = last.sentMs - overwrittenMs;
      assert.ok(last.stalenessMs >= sinceMs, `${last.stalenessMs} ms, of a value overwritten ${sinceMs} ms ago`);
    }
    last = await readLocally(reader);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(last.value, 'old');
  goesOn();
  await until(async () => (await readLocally(reader)).value === 'new');
  await until(async () => (await readLocally(reader)).stalenessMs < 1_000);
});

test('without a quorum a local read is answered, older and older', async (context) => {
  const cluster = await TestCluster.start();
  context.after(() => cluster.stop());
  await until(() => cluster.leader !== null);
  const { leader } = cluster;
  const client = new RawClient(cluster.member(leader ?? 0)!);
  await client.wait('welcome');
  await client.ask(put('k', 'v'));
  for (const id of cluster.ids) if (id !== leader) await cluster.kill(id);
  const first = await readLocally(client);
  await until(async () => {
    const next = await readLocally(client);
    assert.equal(next.value, 'v');
    return next.stalenessMs > first.stalenessMs + 300;
  });
});
