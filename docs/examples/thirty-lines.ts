// Everything once: a document, a lock, an election, a watch. Each shows more in a program of its own beside this one.
import { connect } from '@conclave/client';
import { z } from 'zod';

await using client = await connect({ endpoints: ['ws://127.0.0.1:7401'], author: 'thirty-lines' });

const Limits = z.object({ perSecond: z.number() }); // or any other Standard Schema
await using limits = await client.config('payments/limits', Limits, { default: { perSecond: 10 } });
await limits.update(({ perSecond }) => ({ perSecond: perSecond + 1 }));

await using lock = await client.lock('orders/42', { ttlMs: 10_000 }); // nobody else holds it now
lock.signal.addEventListener('abort', () => console.log('the lock is over')); // before anybody else can hold it
await client.txn({ if: [lock.guard()], then: [{ put: 'orders/42', value: `paid, fence ${lock.fence}` }] });

const election = client.election('scheduler');
await using leadership = await election.campaign('host-a'); // resolves when this candidate leads
await leadership.proclaim('host-a:8080');
for await (const leader of election.observe()) {
  console.log(`${leader?.text()} leads, fence ${leader?.fence}`); // the present one first, then every change
  break;
}

for await (const batch of client.watch({ prefix: 'orders/' }, { initial: 'snapshot' })) {
  if (batch.type === 'snapshot') for (const entry of batch.entries) console.log(`${entry.key}: ${entry.text()}`);
  if (batch.type === 'events') for (const event of batch.events) console.log(`${event.type} ${event.key}`);
  if (batch.type === 'snapshot' && batch.last) break; // a program that follows goes on here
}
