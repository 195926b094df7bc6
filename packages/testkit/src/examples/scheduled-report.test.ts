import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { program } from './program.ts';

const patienceMs = 30_000;

test('every second is reported once, and the one in which an instance was killed by another one', async () => {
  await using cluster = await TestCluster.start();
  await using client = await cluster.connect();
  await using ada = program('scheduled-report.ts', ['ada'], cluster.environment);
  await using bob = program('scheduled-report.ts', ['bob'], cluster.environment);
  await bob.line(/^bob filed/, patienceMs);
  const begun = /^ada begins (\S+), attempt 1/.exec(await ada.line(/^ada begins/, patienceMs))?.[1] ?? '';
  await ada.kill();
  const reports = async (): Promise<ReadonlyMap<string, string>> => {
    const { entries } = await client.list({ prefix: 'reports/' });
    return new Map(entries.map((entry) => [entry.key.slice('reports/'.length), entry.text()]));
  };
  const filed = await waitFor(
    async () => {
      const found = await reports();
      return [...found.keys()].filter((at) => at > begun).length >= 3 ? found : undefined;
    },
    patienceMs,
    () => bob.output(),
  );
  const times = [...filed.keys()].map((at) => new Date(at).getTime());
  const [first = 0] = times;
  assert.deepEqual(
    times,
    times.map((_, n) => first + n * 1_000),
    'no second is left out',
  );
  assert.ok(filed.has(begun));
  bob.signal('SIGTERM');
  assert.equal((await bob.ended(patienceMs)).code, 0, bob.output());
  const said = bob.lines.map(({ text }) => /^bob filed (\S+)/.exec(text)?.[1]).filter((at) => at !== undefined);
  assert.equal(new Set(said).size, said.length, 'none is filed twice');
});
