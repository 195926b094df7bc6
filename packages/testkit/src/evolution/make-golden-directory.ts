// Writes the golden data of the present format, once: a released format's never changes. A later release, with a format of its own, writes
// another file beside it, and opens both.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@conclave/client';
import { exportData, inspectSnapshot, verifyData } from '@conclave/server';
import { runConclave } from '../processes/conclave-program.ts';
import { TestCluster } from '../processes/test-cluster.ts';
import { goldenPath, packed, packedDirectory } from './golden-directory.ts';

const format = 1;
const path = goldenPath(format);
if (existsSync(path) && !process.argv.includes('--write')) {
  console.error(`${path} exists. Say --write to write it anew; not if its format was released.`);
  process.exit(2);
}

await using cluster = await TestCluster.start({ members: 1 });
const file = join(cluster.directory.path, 'backup');
await live('first');
await cluster.kill(1);
// Opened again, so that there are tables beside write-ahead logs.
cluster.run(1);
await cluster.leader();
await live('second');
const saved = await runConclave(['snapshot', 'save', file], { env: cluster.environment });
if (saved.code !== 0) throw new Error(saved.stderr);
await behindTheBackup();
await cluster.kill(1);
const directory = cluster.directoryOf(1);
const exported = join(cluster.directory.path, 'export');
const { head } = await exportData(directory, exported);
const inspected = await inspectSnapshot(file);
const golden = {
  files: packedDirectory(directory),
  snapshot: packed(readFileSync(file)),
  expected: {
    data: await verifyData(directory),
    digest: hex(head.digest),
    snapshot: {
      digest: hex(inspected.head.digest),
      revision: inspected.contents.revision,
      keys: inspected.contents.keys,
    },
  },
};
writeFileSync(path, `${JSON.stringify(golden, null, 2)}\n`);
console.error(`${path} is written: ${readFileSync(path).length} bytes`);

/** Something of every table of the state, and every kind of entry. */
async function live(name: string): Promise<void> {
  await using client = await connect({ endpoints: cluster.endpoints, author: 'ann' });
  await using keyed = await connect({ endpoints: cluster.endpoints, identity: 'idempotency-key' });
  for (let at = 0; at < 5; at++) await client.put(`${name}/${at}`, `value ${at}`, { reason: 'because' });
  await client.delete(`${name}/0`);
  await keyed.put(`${name}/keyed`, Uint8Array.of(0, 255));
  const { revision } = await client.txn({
    then: [
      { put: `${name}/t1`, value: '1' },
      { put: `${name}/t2`, value: '2' },
    ],
  });
  const { lease } = await client.perform({ type: 'leaseGrant', ttlMs: 300_000 });
  await client.put(`${name}/leased`, '1', { lease });
  if (name === 'second') return;
  await client.perform({ type: 'compact', revision: revision - 2 });
}

async function behindTheBackup(): Promise<void> {
  const client = await connect({ endpoints: cluster.endpoints });
  // Held when the member is killed.
  const session = await client.session({ ttlMs: 300_000, metadata: { host: 'golden' } });
  await client.lock('held', { session });
  await client.election('led').campaign('a', { session });
  await client.perform({
    type: 'memberAdd',
    name: 'later',
    clientUrl: 'ws://127.0.0.1:1',
    peerUrl: 'ws://127.0.0.1:2',
    joinSecretHash: new Uint8Array(32),
    role: 'learner',
  });
  await cluster.kill(1);
  cluster.run(1);
  await cluster.leader();
  await client.put('last', '1');
  void client.close();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
