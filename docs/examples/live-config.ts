// A service that follows its configuration: no restart, no polling, and never an invalid value.
//
//   npx tsx docs/examples/live-config.ts
//   npx conclave put config/payments/limits '{"perSecond":50}'
//   npx conclave put config/payments/limits '{"perSecond":"many"}'
//
// It shows a document that is read like a variable wherever it is needed, and told about when it changes. What the schema refuses is
// reported and does not arrive: the last valid value stays.
//
// It does not promise that all instances change at the same moment: each follows as fast as it can, and `staleMs` says how long ago a
// member last told this one that nothing is missing.
import { createServer } from 'node:http';
import { connect } from '@conclave/client';
import { z } from 'zod';

const endpoints = process.env['CONCLAVE_ENDPOINTS'] ?? 'ws://127.0.0.1:7401,ws://127.0.0.1:7402,ws://127.0.0.1:7403';
const port = Number(process.argv[2] ?? 8_080);

const Limits = z.object({ perSecond: z.number().int().positive() }); // any Standard Schema

const client = await connect({ endpoints: endpoints.split(','), author: 'live-config' });
const limits = await client.config('payments/limits', Limits, { default: { perSecond: 10 } });

limits.on('change', ({ previous, revision, value }) => {
  console.log(`limit ${previous.perSecond} → ${value.perSecond} per second (revision ${revision})`);
});
limits.on('invalid', (issues, revision) => {
  const why = issues.map(({ message }) => message).join('; ');
  console.log(`revision ${revision} is not valid, still ${limits.value.perSecond} per second: ${why}`);
});

const server = createServer((_, response) => {
  const { revision, staleMs, value } = limits;
  response.end(JSON.stringify({ ...value, revision, staleMs: Math.round(staleMs) }));
});
server.listen(port, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`the limit is at http://127.0.0.1:${address?.port}`);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    server.close();
    void client.close();
  });
}
