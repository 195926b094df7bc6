// Examples of a document, run as they stand there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { until } from './harness.ts';
import { serveCluster } from './serve.ts';

const folder = join(import.meta.dirname, '..');

export interface Example {
  readonly code: string;
  readonly output: string;
}

/** Throws when one does not say what it prints. */
export function examplesOf(document: string): Example[] {
  const found = [...document.matchAll(/```ts\n(?<code>[^]*?)```\s+prints\s+```text\n(?<output>[^]*?)```/g)];
  assert.equal(found.length, document.split('```ts').length - 1, 'every example says what it prints');
  return found.map(({ groups }) => ({ code: groups?.['code'] ?? '', output: groups?.['output'] ?? '' }));
}

/** Over real sockets, each as a process that prints what the document says and ends. `name`: of the file they are run from. */
export async function runExamples(context: TestContext, name: string, examples: readonly Example[]): Promise<void> {
  const served = await serveCluster();
  const { cluster } = served;
  context.after(() => served.stop());
  await until(() => cluster.leader !== null);
  // Inside the package, so that it imports the package by its name; in a folder that nothing else looks into.
  const file = join(folder, 'dist', `${name}-example.ts`);
  mkdirSync(join(folder, 'dist'), { recursive: true });
  context.after(() => rmSync(file));
  for (const { code: source, output } of examples) {
    writeFileSync(file, source.replace('ws://127.0.0.1:7401', cluster.endpoints[1] ?? ''));
    const child = spawn(process.execPath, [...process.execArgv, file], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    assert.equal(stdout, output, stderr);
    assert.equal(code, 0);
  }
}
