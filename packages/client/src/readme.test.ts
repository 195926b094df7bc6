import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { until } from '../testing/harness.ts';
import { serveCluster } from '../testing/serve.ts';

const folder = join(import.meta.dirname, '..');

test('the example of the README runs over real sockets, prints what it says, and its process ends', async (context) => {
  const served = await serveCluster();
  const { cluster } = served;
  context.after(() => served.stop());
  await until(() => cluster.leader !== null);
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const output = /```text\n([\s\S]*?)```/.exec(readme)?.[1];
  // Inside the package, so that it imports the package by its name; in a folder that nothing else looks into.
  const file = join(folder, 'dist/readme-example.ts');
  mkdirSync(join(folder, 'dist'), { recursive: true });
  context.after(() => rmSync(file));
  writeFileSync(file, example.replace('ws://127.0.0.1:7401', cluster.endpoints[1] ?? ''));
  const child = spawn(process.execPath, [...process.execArgv, file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  assert.equal(stdout, output, stderr);
  assert.equal(code, 0);
});
