// A fleet of workers of which exactly one works. Start as many as you like, kill the one that works, and the next one takes over.
//
//   npx tsx docs/examples/fenced-ledger.ts
//   npx tsx docs/examples/worker-fleet.ts ada       (and bob, and eve, in further shells)
//
// It shows how the fence of a term goes with everything that is written in it:
// - what is kept in Conclave is written by a transaction under `leadership.guard()`: the cluster turns a late writer away;
// - what is kept elsewhere gets the fence and compares it itself, as fenced-ledger.ts does.
//
// It does not promise that a job is done once: a worker that is killed between the two writes leaves a job that is done again. Nor
// that a stopped process (SIGSTOP, a closed lid) has stopped writing: what it had sent may still arrive. The fence refuses it.
import { setTimeout as pause } from 'node:timers/promises';
import { ConclaveError, connect, type Leadership } from '@conclave/client';

const name = process.argv[2] ?? `worker-${process.pid}`;
const ledger = process.env['LEDGER_URL'] ?? 'http://127.0.0.1:8090';
const endpoints = process.env['CONCLAVE_ENDPOINTS'] ?? 'ws://127.0.0.1:7401,ws://127.0.0.1:7402,ws://127.0.0.1:7403';

const leaving = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => leaving.abort());

await using client = await connect({ endpoints: endpoints.split(','), author: name });
const election = client.election('fleet');

while (!leaving.signal.aborted) {
  try {
    // After kill -9 of the leader nobody works for three seconds: so long it could still be alive.
    await using leadership = await election.campaign(name, { ttlMs: 3_000, signal: leaving.signal });
    console.log(`${name} leads, fence ${leadership.fence}`);
    await work(leadership);
  } catch (error) {
    // Over or leaving: what failed then failed for that reason. Everything else ends this worker, and the next one leads.
    if (!ConclaveError.is(error, 'LOCK_LOST') && !leaving.signal.aborted) throw error;
  }
  console.log(`${name} leads no more`);
}

async function work(leadership: Leadership): Promise<void> {
  const over = AbortSignal.any([leadership.signal, leaving.signal]);
  while (!over.aborted) {
    const job = Number((await client.get('fleet/done'))?.text() ?? 0) + 1;
    if (!(await record(job, leadership.fence))) return;
    const guarded = { if: [leadership.guard()], then: [{ put: 'fleet/done', value: `${job}` }] } as const;
    if (!(await client.txn(guarded)).ok) return;
    console.log(`${name} did job ${job}, fence ${leadership.fence}`);
    await pause(100, null, { signal: over }).catch(() => {});
  }
}

/** False: a later leader has written already. */
async function record(job: number, fence: number): Promise<boolean> {
  const { status } = await fetch(ledger, { method: 'POST', body: JSON.stringify({ job, fence, worker: name }) });
  if (status !== 201 && status !== 409) throw new Error(`the ledger answered ${status}`);
  return status === 201;
}
