import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { program } from './program.ts';

const patienceMs = 30_000;
const maxAttempts = 10;

/** The second whose report an instance had begun and not filed when it was killed. It works for a fifth of a second, and may have been faster than the kill. */
async function killedAtWork(cluster: TestCluster): Promise<string> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    await using ada = program('scheduled-report.ts', ['ada'], cluster.environment);
    const begun = /^ada begins (\S+), attempt 1/.exec(await ada.line(/^ada begins/, patienceMs))?.[1] ?? '';
    await ada.kill();
    if (!ada.lines.some(({ text }) => text === `ada filed ${begun}`)) return begun;
  }
  throw new Error('it was never killed at work');
}

test('every second is reported once, and the one in which an instance was killed by another one', async () => {
  await using cluster = await TestCluster.start();
  await using client = await cluster.connect();
  await using bob = program('scheduled-report.ts', ['bob'], cluster.environment);
  await bob.line(/^bob filed/, patienceMs);
  const begun = await killedAtWork(cluster);
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
  assert.equal(filed.get(begun), 'bob', 'what was begun and not filed is begun anew');
  await bob.line(new RegExp(`^bob begins ${begun}, attempt 2`), patienceMs);
  bob.signal('SIGTERM');
  assert.equal((await bob.ended(patienceMs)).code, 0, bob.output());
  const said = bob.lines.map(({ text }) => /^bob filed (\S+)/.exec(text)?.[1]).filter((at) => at !== undefined);
  assert.equal(new Set(said).size, said.length, 'none is filed twice');
});
