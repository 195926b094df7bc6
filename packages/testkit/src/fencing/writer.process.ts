// A holder to whom the worst happens: it takes the lock `account`, makes sure that it holds it, and is stopped before it writes, or in the middle
// of that, until somebody wakes it.
//
//   writer.process.ts KIND LOCATION TTL_MS fenced|unfenced before|between
import { connect } from '@conclave/client';
import { StaleFence } from '../../../../docs/examples/fencing/stale-fence.ts';
import { type Kind, openAccount } from './accounts.ts';

const [kind = '', location = '', ttlMs = '', fencing, place] = process.argv.slice(2);
const stop = (): void => {
  console.log('stops');
  process.kill(process.pid, 'SIGSTOP');
};

await using account = await openAccount(kind as Kind, location);
await using client = await connect({ endpoints: (process.env['CONCLAVE_ENDPOINTS'] ?? '').split(',') });
const lock = await client.lock('account', { ttlMs: Number(ttlMs) });
lock.assertHeld();
if (place === 'before') stop();
try {
  if (fencing === 'fenced') await account.write(lock, 'late', place === 'between' ? stop : undefined);
  else await account.overwrite('late');
  console.log('has written');
} catch (error) {
  console.log(error instanceof StaleFence ? 'was refused' : `failed: ${String(error)}`);
}
