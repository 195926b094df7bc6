// One of the two writers of fencing-demo.ts: takes the lock, makes sure that it holds it, and writes. With `stops` the worst happens
// in between: the whole process stops (a long garbage collection, a paused machine, a closed lid) until somebody wakes it.
//
//   fencing-writer.ts NAME STORE_URL TTL_MS [stops]
import { connect } from '@conclave/client';

const [name = '', store = '', ttlMs = '', stops] = process.argv.slice(2);
const endpoints = (process.env['CONCLAVE_ENDPOINTS'] ?? '').split(',');

await using client = await connect({ endpoints, author: name });
await using lock = await client.lock('account', { ttlMs: Number(ttlMs) });
console.log(`${name} holds the lock, with fence ${lock.fence}`);
lock.assertHeld();
if (stops === 'stops') process.kill(process.pid, 'SIGSTOP');
const { status } = await fetch(store, { method: 'PUT', body: JSON.stringify({ writer: name, fence: lock.fence }) });
console.log(`${name} writes under fence ${lock.fence}: ${status === 204 ? 'let through' : 'refused'}`);
