// `conclave once`, against real processes.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { conclave, type Finished, runConclave } from '../processes/conclave-program.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

const timeout = 60_000;

let cluster: TestCluster;
let endpoints: readonly string[] = [];

before(async () => {
  cluster = await TestCluster.start();
  endpoints = ['--endpoints', cluster.endpoints.join(',')];
});

after(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

async function once(name: string, script: string, ...options: string[]): Promise<Finished> {
  return runConclave(['once', name, ...options, '--json', ...endpoints, '--', 'sh', '-c', script]);
}

function outcome({ stderr }: Finished): Record<string, unknown> {
  return JSON.parse(stderr) as Record<string, unknown>;
}

test('of several at once one runs the command, and all tell what became of it', { timeout }, async () => {
  using directory = temporaryDirectory();
  const allCame = join(directory.path, 'all-came');
  // It is not over before the others wait for it: else they would find what became of it, and never have wanted to run it.
  const script = `echo ran $CONCLAVE_ATTEMPT; until test -e ${allCame}; do sleep 0.05; done`;
  const running = Promise.all([1, 2, 3].map(async () => once('deploy/7', script)));
  await using client = await cluster.connect();
  await waitFor(
    async () => {
      const { locks } = await client.perform({ type: 'locks', kind: 'lock', after: null, limit: 0 });
      return locks.some(({ holding, waiting }) => holding === 1 && waiting === 2);
    },
    patienceMs,
    () => 'nobody waits',
  );
  await writeFile(allCame, '');
  const all = await running;
  assert.deepEqual(all.map(({ stdout }) => stdout).toSorted(), ['', '', 'ran 1']);
  assert.deepEqual(
    all.map(({ code }) => code),
    [0, 0, 0],
  );
  const told = all.map(outcome);
  assert.equal(told.filter(({ ran }) => ran).length, 1);
  for (const one of told) assert.deepEqual({ ...one, ran: true }, { ...told[0], ran: true });
});

test('a command that fails has failed for all: its own exit code where it ran, 1 elsewhere', { timeout }, async () => {
  const [first, second] = [await once('broken', 'exit 7'), await once('broken', 'echo again')];
  assert.deepEqual([first.code, second.code, second.stdout], [7, 1, '']);
  assert.equal(outcome(second)['error'], 'the command ended with exit code 7');
  assert.equal((await runConclave(['once', 'broken', ...endpoints])).code, 2);
});

test('when the process that runs it is killed, whoever waits begins it anew', { timeout }, async () => {
  const script = 'echo attempt $CONCLAVE_ATTEMPT; test $CONCLAVE_ATTEMPT = 2 || exec sleep 20 >&- 2>&-';
  const words = ['once', 'job', '--ttl-ms', '2000', ...endpoints, '--', 'sh', '-c', script];
  await using first = conclave(words);
  await first.line(/attempt 1/, patienceMs);
  await using second = conclave(words);
  await first.kill();
  await second.line(/attempt 2/, patienceMs);
  assert.deepEqual(await second.ended(patienceMs), { code: 0, signal: null }, second.output());
});

test('a command that cannot be started ends it as in a shell, and is neither recorded nor counted as an attempt', {
  timeout,
}, async () => {
  const words = ['once', 'typo', '--json', ...endpoints, '--'];
  const missing = await runConclave([...words, 'no-such-command']);
  assert.deepEqual([missing.code, missing.stderr], [127, 'conclave once: no-such-command: there is no such command']);
  assert.equal((await runConclave([...words, '/'])).code, 126);
  const next = await once('typo', 'echo $CONCLAVE_ATTEMPT');
  assert.deepEqual([next.code, next.stdout], [0, '1']);
});

test('one that is interrupted is not recorded', { timeout }, async () => {
  await using first = conclave(['once', 'shy', ...endpoints, '--', 'sh', '-c', 'echo begun; sleep 600']);
  await first.line(/begun/, patienceMs);
  first.signal('SIGTERM');
  assert.equal((await first.ended(patienceMs)).code, 143, first.output());
  const next = await once('shy', 'echo $CONCLAVE_ATTEMPT');
  assert.deepEqual([next.code, next.stdout], [0, '2']);
});
