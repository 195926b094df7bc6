// The history of documents by the command, against real processes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from '@conclave/client';
import { type Finished, runConclave } from '../processes/conclave-program.ts';
import { TestCluster } from '../processes/test-cluster.ts';

const timeout = 60_000;

let cluster: TestCluster;
let client: Client;
let endpoints: readonly string[] = [];

before(async () => {
  cluster = await TestCluster.start();
  client = await cluster.connect();
  endpoints = ['--endpoints', cluster.endpoints.join(',')];
});

after(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

async function run(...words: string[]): Promise<Finished> {
  return runConclave(['config', ...words, ...endpoints]);
}

async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { code, stderr, stdout } = await run(...words, '--json');
  assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

test('config: who changed a document and why, what changed, and back again; also by a member that was killed and came back', {
  timeout,
}, async () => {
  const { revision: first } = await client.put('config/limits', '{"perSecond":5}', { reason: 'begin' });
  const { revision: second } = await client.put('config/limits', '{"perSecond":"many","x":1}', { reason: 'a mistake' });
  await cluster.kill(1);
  cluster.run(1);

  assert.deepEqual(await json('diff', 'limits'), {
    name: 'limits',
    from: first,
    to: second,
    differences: [
      { op: 'replace', path: '/perSecond', previous: 5, value: 'many' },
      { op: 'add', path: '/x', value: 1 },
    ],
  });
  const { stdout } = await run('diff', 'limits', '--from', `${second}`, '--to', `${first}`);
  assert.equal(stdout, '~ /perSecond  "many" → 5\n- /x  1');

  const { changed, restored, revision } = await json('rollback', 'limits', '--to', `${first}`, '--reason', 'as before');
  assert.deepEqual([changed, restored, Number(revision) > second], [true, first, true]);
  assert.equal((await client.get('config/limits'))?.text(), '{"perSecond":5}');
  assert.deepEqual(await json('rollback', 'limits', '--to', `${first}`), {
    name: 'limits',
    revision,
    restored: first,
    changed: false,
  });

  const { compacted, next, revisions } = await json('history', 'limits');
  const told = (revisions as { author: string; reason: string; revision: number; time: string; value: string }[]).map(
    (one) => [one.revision, one.value, one.reason, /^.* \(conclave\)$/.test(one.author), Date.parse(one.time) > 0],
  );
  assert.deepEqual(told, [
    [revision, '{"perSecond":5}', 'as before', true, true],
    [second, '{"perSecond":"many","x":1}', 'a mistake', false, true],
    [first, '{"perSecond":5}', 'begin', false, true],
  ]);
  assert.deepEqual([next, compacted], [null, null]);
  const page = await run('history', 'limits', '--limit', '1', '--before', `${second}`);
  assert.match(page.stdout, new RegExp(`^REVISION .*\\n${first} +\\S+ +\\S+ +begin +\\{"perSecond":5\\}$`));
});

test('config: what cannot be told or done has the exit codes of the other commands', { timeout }, async () => {
  const { revision } = await client.put('config/codes', '1');
  await client.put('config/codes', '2');
  const code = async (...words: string[]): Promise<number | null> => (await run(...words)).code;
  assert.deepEqual(
    await Promise.all([
      code('history', 'none'),
      code('diff', 'none'),
      code('rollback', 'none', '--to', '1'),
      code('rollback', 'codes'),
      code('forget', 'codes'),
      code('diff', 'codes', '--from', 'x'),
    ]),
    [1, 1, 1, 2, 2, 2],
  );
  await client.perform({ type: 'compact', revision: revision + 1 });
  const forgotten = await run('rollback', 'codes', '--to', `${revision}`);
  assert.equal(forgotten.code, 1);
  assert.match(forgotten.stderr, /COMPACTED/);
});
