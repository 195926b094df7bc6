import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../workspace/packages.ts';

const folder = 'docs/examples/fencing';

test('the code of docs/fencing.md is that of the files which the tests run, and all of it', () => {
  const document = readFileSync(join(root, 'docs/fencing.md'), 'utf8');
  const blocks = [...document.matchAll(/<!-- file: (?<file>\S+) -->\n\n```ts\n(?<code>[^]*?)\n```\n/g)];
  assert.equal(blocks.length, document.split('```ts').length - 1, 'every block names its file');
  for (const { groups } of blocks) {
    assert.equal(`${groups?.['code']}\n`, readFileSync(join(root, groups?.['file'] ?? ''), 'utf8'), groups?.['file']);
  }
  const shown = new Set(blocks.map(({ groups }) => groups?.['file']));
  assert.deepEqual(
    readdirSync(join(root, folder)).filter((name) => !shown.has(`${folder}/${name}`)),
    [],
  );
});
