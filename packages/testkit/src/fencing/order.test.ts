// What every recipe promises of the order of fences, in every store.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StaleFence } from '../../../../docs/examples/fencing/stale-fence.ts';
import { type Account, kinds, openAccount } from './accounts.ts';
import { lacks, startStore } from './stores.ts';

/** Where numbers change their form: one digit more, 31 bits, 32 bits, behind a restore, 14 digits, the largest safe integers. */
const edges = [5, 9, 10, 2 ** 31, 2 ** 32 + 1, 2 ** 40 + 7, 2 ** 47 + 3, Number.MAX_SAFE_INTEGER - 1];

async function isTaken(account: Account, fence: number, text: string): Promise<boolean> {
  try {
    await account.write({ name: 'account', fence }, text);
    return true;
  } catch (error) {
    if (error instanceof StaleFence) return false;
    throw error;
  }
}

for (const kind of kinds) {
  test(`${kind}: a larger fence is taken, an equal one is, and a smaller one is refused and changes nothing`, {
    skip: lacks(kind),
  }, async () => {
    await using store = await startStore(kind);
    await using account = await openAccount(kind, store.location);
    for (const [at, fence] of edges.entries()) {
      assert.equal(await isTaken(account, fence, `first under ${fence}`), true, `${fence}`);
      assert.equal(await isTaken(account, fence, `second under ${fence}`), true, `${fence} again`);
      for (const smaller of [fence - 1, ...edges.slice(0, at)]) {
        assert.equal(await isTaken(account, smaller, 'late'), false, `${smaller} after ${fence}`);
      }
      assert.equal(await account.read(), `second under ${fence}`);
    }
  });
}
