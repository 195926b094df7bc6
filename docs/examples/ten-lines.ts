import { connect } from '@conclave/client';

await using client = await connect({ endpoints: ['ws://127.0.0.1:7401'] });

await using lock = await client.lock('deploy', { ttlMs: 10_000 }); // waits its turn, first come, first served
lock.signal.addEventListener('abort', () => console.log('over: write no more'));

const done = await client.txn({ if: [lock.guard()], then: [{ put: 'release', value: '1.0.7' }] });
console.log(`release written: ${done.ok}, fence ${lock.fence}`);
