import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { limits, wireLimits } from '@conclave/protocol';
import { examplesOf, runExamples } from '../testing/examples.ts';
import { bounds } from './bounds.ts';

const folder = join(import.meta.dirname, '..');
const readme = readFileSync(join(folder, 'README.md'), 'utf8');
const examples = examplesOf(readme);

test('the examples of the README run over real sockets, print what it says, and their processes end', async (context) => {
  assert.ok((examples[0]?.code ?? '').trimEnd().split('\n').length <= 10, 'the first has ten lines');
  await runExamples(context, 'readme', examples);
});

for (const name of ['sessions', 'leases', 'locks', 'elections', 'jobs', 'configuration', 'watches']) {
  test(`the examples of docs/${name}.md run, and print what it says`, async (context) => {
    const found = examplesOf(readFileSync(join(folder, '../../docs', `${name}.md`), 'utf8'));
    assert.ok(found.length > 0);
    await runExamples(context, name, found);
  });
}

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
