import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { limits, wireLimits } from '@conclave/protocol';
import { until } from '../testing/harness.ts';
import { serveCluster } from '../testing/serve.ts';
import { bounds } from './bounds.ts';

const folder = join(import.meta.dirname, '..');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');
const examples = [...readme.matchAll(/```ts\n(?<code>[^]*?)```\s+prints\s+```text\n(?<output>[^]*?)```/g)];

test('the examples of the README run over real sockets, print what it says, and their processes end', async (context) => {
  assert.equal(examples.length, readme.split('```ts').length - 1, 'every example says what it prints');
  assert.ok((examples[0]?.groups?.['code'] ?? '').trimEnd().split('\n').length <= 10, 'the first has ten lines');
  const served = await serveCluster();
  const { cluster } = served;
  context.after(() => served.stop());
  await until(() => cluster.leader !== null);
  // Inside the package, so that it imports the package by its name; in a folder that nothing else looks into.
  const file = join(folder, 'dist/readme-example.ts');
  mkdirSync(join(folder, 'dist'), { recursive: true });
  context.after(() => rmSync(file));
  for (const { groups } of examples) {
    writeFileSync(file, (groups?.['code'] ?? '').replace('ws://127.0.0.1:7401', cluster.endpoints[1] ?? ''));
    const child = spawn(process.execPath, [...process.execArgv, file], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    assert.equal(stdout, groups?.['output'], stderr);
    assert.equal(code, 0);
  }
});

test('the limits of the README are those of the protocol and of the SDK', () => {
  const all: Readonly<Record<string, number>> = { ...limits, ...wireLimits, ...bounds };
  const rows = [...readme.matchAll(/^\| `(?<name>m\w+)` \| (?<value>[\d,]+) \|/gm)].map(
    ({ groups }) => [groups?.['name'] ?? '', Number(groups?.['value']?.replaceAll(',', ''))] as const,
  );
  assert.ok(rows.length > 0);
  assert.deepEqual(
    rows,
    rows.map(([name]) => [name, all[name]]),
  );
});
