// A report that is made every second by one of as many instances as you like. Kill whichever makes it: another one makes it again.
//
//   npx tsx docs/examples/scheduled-report.ts ada       (and bob, in another shell)
//
// A report is filed under `guard()`, so the cluster turns away an instance that was given up and has not noticed. Outside of the
// cluster the fence would have to go with it, as in fenced-ledger.ts.
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from '@conclave/client';
import { type CronContext, cron } from '@conclave/client/jobs';

const name = process.argv[2] ?? `instance-${process.pid}`;
const endpoints = process.env['CONCLAVE_ENDPOINTS'] ?? 'ws://127.0.0.1:7401,ws://127.0.0.1:7402,ws://127.0.0.1:7403';

const leaving = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => leaving.abort());

await using client = await connect({ endpoints: endpoints.split(','), author: name });
// After kill -9 nobody makes reports for two seconds: so long the instance could still be alive. What was missed is made up for.
await using _ = cron(client, 'report', '* * * * * *', report, { by: name, catchUp: 'all', ttlMs: 2_000 });
await new Promise((resolve) => leaving.signal.addEventListener('abort', resolve));

async function report({ attempt, firing, guard, signal }: CronContext): Promise<void> {
  const at = firing.toISOString();
  console.log(`${name} begins ${at}, attempt ${attempt}`);
  await pause(200, null, { signal });
  const { ok } = await client.txn({ if: [guard()], then: [{ put: `reports/${at}`, value: name }] });
  if (ok) console.log(`${name} filed ${at}`);
}
