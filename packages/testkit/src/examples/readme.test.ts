import assert from 'node:assert/strict';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { Child } from '../processes/child.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { TestCluster } from '../processes/test-cluster.ts';
import { root } from '../workspace/packages.ts';

const examples = join(root, 'docs/examples');
const documentedEndpoint = 'ws://127.0.0.1:7401';
const runTimeoutMs = 30_000;

let cluster: TestCluster;
before(async () => {
  cluster = await TestCluster.start();
});
after(async () => cluster[Symbol.asyncDispose]());

/** As it stands, but for the address: tests use free ports. Answers what it printed. */
async function run(name: string): Promise<string[]> {
  const text = readFileSync(join(examples, name), 'utf8');
  assert.equal(text.split(documentedEndpoint).length, 2, 'the address stands there once');
  using directory = temporaryDirectory();
  symlinkSync(join(root, 'node_modules'), join(directory.path, 'node_modules'));
  writeFileSync(join(directory.path, 'package.json'), '{"type":"module"}');
  const file = join(directory.path, name);
  writeFileSync(file, text.replace(documentedEndpoint, cluster.endpoints[0] as string));
  await using child = new Child(['--import', 'tsx', '--conditions=conclave-source', file], { cwd: root });
  const { code } = await child.ended(runTimeoutMs);
  assert.equal(code, 0, child.output());
  return child.lines.map(({ text: line }) => line);
}

test('the ten lines of the README are those of the file, and they run', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const block = /```ts\n(?<code>[^]*?)```/.exec(readme)?.groups?.['code'];
  const file = readFileSync(join(examples, 'ten-lines.ts'), 'utf8');
  assert.equal(block, file);
  assert.ok(file.trimEnd().split('\n').length <= 10);
  const lines = await run('ten-lines.ts');
  assert.match(lines[0] ?? '', /^release written: true, fence \d+$/);
  await using client = await cluster.connect();
  assert.equal((await client.get('release'))?.text(), '1.0.7');
});

test('thirty lines use a document, a lock, an election and a watch', async () => {
  const file = readFileSync(join(examples, 'thirty-lines.ts'), 'utf8');
  assert.ok(file.trimEnd().split('\n').length <= 30);
  const lines = await run('thirty-lines.ts');
  assert.match(lines[0] ?? '', /^host-a:8080 leads, fence \d+$/);
  assert.match(lines[1] ?? '', /^orders\/42: paid, fence \d+$/);
  assert.equal(lines[2], 'the lock is over');
  await using client = await cluster.connect();
  assert.equal((await client.get('config/payments/limits'))?.text(), '{"perSecond":11}');
  assert.equal(await client.election('scheduler').leader(), null, 'it resigned when it ended');
});

for (const page of [
  'README.md',
  'CONTRIBUTING.md',
  'docs/architecture.md',
  'docs/fencing.md',
  'docs/guarantees.md',
  'docs/testing.md',
  'packages/client/README.md',
]) {
  test(`what ${page} links to is there`, () => {
    const text = readFileSync(join(root, page), 'utf8');
    const targets = [...text.matchAll(/\]\((?!https?:)(?<target>[^)#\s]+)(?:#[^)]*)?\)/g)].map(
      ({ groups }) => groups?.['target'] ?? '',
    );
    const missing = targets.filter((target) => !existsSync(join(root, dirname(page), target)));
    assert.deepEqual(missing, []);
  });
}
