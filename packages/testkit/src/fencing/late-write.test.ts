// A holder is really stopped (SIGSTOP), its lock really granted on by a real cluster, and its write really late: for each store that
// docs/examples/fencing has a recipe for.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Client } from '@conclave/client';
import { StaleFence } from '../../../../docs/examples/fencing/stale-fence.ts';
import { Child } from '../processes/child.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { root } from '../workspace/packages.ts';
import { type Account, type Kind, kinds, openAccount } from './accounts.ts';
import { lacks, type Store, startStore } from './stores.ts';

const ttlMs = 1_000;

let cluster: TestCluster;
let client: Client;
before(async () => {
  cluster = await TestCluster.start();
  client = await cluster.connect();
});
after(async () => {
  await client[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

interface Stage extends AsyncDisposable {
  readonly store: Store;
  readonly account: Account;
  /** The holder that is stopped. */
  readonly late: Child;
}

async function stage(kind: Kind, fencing: 'fenced' | 'unfenced', place: 'before' | 'between'): Promise<Stage> {
  const store = await startStore(kind);
  const account = await openAccount(kind, store.location);
  const file = join(import.meta.dirname, 'writer.process.ts');
  const args = [file, kind, store.location, `${ttlMs}`, fencing, place];
  const late = new Child(['--import', 'tsx', '--conditions=conclave-source', ...args], {
    cwd: root,
    env: cluster.environment,
  });
  const dispose = async (): Promise<void> => {
    await late[Symbol.asyncDispose]();
    await account[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  };
  try {
    await late.line(/^stops$/, patienceMs);
    return { store, account, late, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Wakes the late holder; answers the last that it says. */
async function wake(late: Child): Promise<string> {
  late.resume();
  assert.equal((await late.ended(patienceMs)).code, 0, late.output());
  return late.lines.at(-1)?.text ?? '';
}

for (const kind of kinds) {
  test(`${kind}: the late write of a stopped holder is refused, and the present holder goes on`, {
    skip: lacks(kind),
  }, async () => {
    await using on = await stage(kind, 'fenced', 'before');
    await using lock = await client.lock('account');
    await on.account.write(lock, 'in time');
    assert.equal(await wake(on.late), 'was refused');
    assert.equal(await on.account.read(), 'in time');
    await on.account.write(lock, 'goes on');
    assert.equal(await on.account.read(), 'goes on');
  });

  test(`${kind}: without the fence the late write goes through, and what the present holder wrote is lost`, {
    skip: lacks(kind),
  }, async () => {
    await using on = await stage(kind, 'unfenced', 'before');
    await using lock = await client.lock('account');
    await on.account.write(lock, 'in time');
    assert.equal(await wake(on.late), 'has written');
    assert.equal(await on.account.read(), 'late');
  });
}

for (const kind of ['redis', 'object-store'] as const) {
  test(`${kind}: stopped between its look and its write, the late holder is refused as well`, {
    skip: lacks(kind),
  }, async () => {
    await using on = await stage(kind, 'fenced', 'between');
    await using lock = await client.lock('account');
    await on.account.write(lock, 'in time');
    assert.equal(await wake(on.late), 'was refused');
    assert.equal(await on.account.read(), 'in time');
  });
}

test('postgres: a holder that is stopped inside its transaction delays the next one until the server ends it, and writes nothing', {
  skip: lacks('postgres'),
  timeout: 60_000,
}, async () => {
  await using on = await stage('postgres', 'fenced', 'between');
  await using lock = await client.lock('account');
  // Waits for the row of the fence, until the server ends the transaction that stands still.
  await on.account.write(lock, 'in time');
  assert.match(await wake(on.late), /^failed: error: terminating connection due to idle-in-transaction timeout/);
  assert.equal(await on.account.read(), 'in time');
});

test('sqlite: a holder that is stopped inside its transaction keeps all others out; woken, it comes before them', async () => {
  await using on = await stage('sqlite', 'fenced', 'between');
  await using lock = await client.lock('account');
  await assert.rejects(on.account.write(lock, 'in time'), /database is locked/);
  assert.equal(await wake(on.late), 'has written');
  const written = await waitFor(
    async () => on.account.write(lock, 'in time').then(() => true),
    patienceMs,
    () => 'locked still',
  );
  assert.equal(written, true);
  assert.equal(await on.account.read(), 'in time');
});

test('who holds several locks claims under the name of the one that protects what is written: that of the handle is another', async () => {
  await using store = await startStore('sqlite');
  await using account = await openAccount('sqlite', store.location);
  const both = await client.lockAll(['account', 'other']);
  const earlier = { name: 'account', fence: both.fence };
  await account.write(earlier, 'both');
  await both.release();
  await using alone = await client.lock('account');
  await account.write(alone, 'alone');
  await assert.rejects(account.write(earlier, 'late'), StaleFence);
  assert.equal(both.name, 'account, other');
  await account.write(both, 'late, and let through');
});
