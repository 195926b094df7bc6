import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Child } from '../processes/child.ts';
import { TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { printed, program } from './program.ts';

const takeoverTimeoutMs = 30_000;

interface Worker {
  readonly name: string;
  readonly process: Child;
}

interface Line {
  readonly job: number;
  readonly fence: number;
  readonly worker: string;
}

test('exactly one of a fleet works; another takes over with a larger fence when it is killed or stopped', async () => {
  await using ledger = program('fenced-ledger.ts', ['0']);
  const ledgerUrl = await printed(ledger, /the ledger is at (\S+)/);
  await using cluster = await TestCluster.start();
  const env = { ...cluster.environment, LEDGER_URL: ledgerUrl };
  const start = (name: string): Worker => ({ name, process: program('worker-fleet.ts', [name], env) });
  await using ada = start('ada').process;
  await using bob = start('bob').process;
  await using eve = start('eve').process;
  const workers = new Map(Object.entries({ ada, bob, eve }));
  const nameOf = (child: Child): string => [...workers].find(([, one]) => one === child)?.[0] ?? '';

  const lines = async (): Promise<Line[]> => (await (await fetch(ledgerUrl)).json()) as Line[];
  /** The first that has written under a larger fence. */
  const writerAfter = async (fence: number): Promise<Line> =>
    waitFor(
      async () => (await lines()).find((line) => line.fence > fence),
      takeoverTimeoutMs,
      () => [...workers].map(([name, { lines: said }]) => `${name}: ${said.at(-1)?.text}`).join('; '),
    );
  const workerOf = ({ worker }: Line): Child => workers.get(worker) as Child;

  const first = await writerAfter(0);
  await workerOf(first).kill();

  const second = await writerAfter(first.fence);
  assert.notEqual(second.worker, first.worker);
  const stopped = workerOf(second);
  stopped.pause();

  const third = await writerAfter(second.fence);
  assert.deepEqual([first.worker, second.worker, third.worker].toSorted(), ['ada', 'bob', 'eve']);
  // What the stopped one had sent, had it been on its way.
  const late = await fetch(ledgerUrl, { method: 'POST', body: JSON.stringify({ ...second, job: second.job + 1 }) });
  assert.equal(late.status, 409);
  stopped.resume();
  await stopped.line(new RegExp(`^${nameOf(stopped)} leads no more`), takeoverTimeoutMs);

  // In the order in which the ledger took them: terms one after the other, each of one worker.
  const fences = (await lines()).map(({ fence }) => fence);
  assert.deepEqual(
    fences,
    fences.toSorted((a, b) => a - b),
  );
  const termOwners = new Set((await lines()).map(({ fence, worker }) => `${fence} ${worker}`));
  assert.equal(termOwners.size, new Set(fences).size);

  for (const child of [stopped, workerOf(third)]) {
    child.signal('SIGTERM');
    assert.equal((await child.ended(takeoverTimeoutMs)).code, 0, child.output());
  }
});
