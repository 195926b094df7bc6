// Fences across a restore: the cluster comes back from a backup that is older than what the stores have seen.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '@conclave/client';
import { StaleFence } from '../../../../docs/examples/fencing/stale-fence.ts';
import { conclave, runConclave } from '../processes/conclave-program.ts';
import { stablePorts } from '../processes/stable-ports.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { type Account, kinds, openAccount } from './accounts.ts';
import { lacks, startStore } from './stores.ts';

/** Answers the fence under which it was written. */
async function writeUnderLock(endpoint: string, accounts: readonly Account[], text: string): Promise<number> {
  await using client = await connect({ endpoints: [endpoint] });
  await using lock = await client.lock('account');
  for (const account of accounts) await account.write(lock, text);
  return lock.fence;
}

/** An account in each store. */
async function openAll(): Promise<AsyncDisposable & { readonly accounts: readonly Account[] }> {
  const accounts: Account[] = [];
  const opened: AsyncDisposable[] = [];
  const dispose = async (): Promise<void> => {
    for (const one of opened.toReversed()) await one[Symbol.asyncDispose]();
  };
  try {
    for (const kind of kinds) {
      const store = await startStore(kind);
      opened.push(store);
      const account = await openAccount(kind, store.location);
      opened.push(account);
      accounts.push(account);
    }
    return { accounts, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function command(...args: string[]): Promise<void> {
  const { code, stderr } = await runConclave(args);
  assert.equal(code, 0, stderr);
}

test('after a restore from an older backup the new holder is taken by every store, and the holders of before are refused', {
  skip: lacks('postgres') || lacks('redis'),
}, async () => {
  await using everything = await openAll();
  const { accounts } = everything;
  using directory = temporaryDirectory();
  const [clientPort, peerPort] = await stablePorts(2);
  const endpoint = `ws://127.0.0.1:${clientPort}`;
  const identity = ['--id', '1', '--cluster', 'orders', '--member', `1=${endpoint},ws://127.0.0.1:${peerPort}`];
  const serverOf = (data: string): string[] => ['server', '--data', data, ...identity, '--log-level', 'warn'];
  const backup = join(directory.path, 'orders.snapshot');
  const restored = join(directory.path, 'restored');

  let behindBackup: number;
  {
    await using server = conclave(serverOf(join(directory.path, 'first')));
    await writeUnderLock(endpoint, accounts, 'before the backup');
    await command('snapshot', 'save', backup, '--endpoints', endpoint);
    behindBackup = await writeUnderLock(endpoint, accounts, 'behind the backup');
    await server.kill();
  }

  await command('snapshot', 'restore', backup, '--data', restored, ...identity);
  await using again = conclave(serverOf(restored));
  const afterRestore = await writeUnderLock(endpoint, accounts, 'after the restore');
  assert.ok(afterRestore > behindBackup, `${afterRestore} after ${behindBackup}`);
  for (const account of accounts) {
    await assert.rejects(account.write({ name: 'account', fence: behindBackup }, 'late'), StaleFence);
    assert.equal(await account.read(), 'after the restore');
  }
  await again.kill();
});
