import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const folder = join(import.meta.dirname, '..');

test('the example of the README runs and prints what the README says', () => {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1];
  const output = /```text\n([\s\S]*?)```/.exec(readme)?.[1];
  assert.ok(example !== undefined && output !== undefined);
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [...process.execArgv, '--input-type=module', '--eval', example],
    { encoding: 'utf8', cwd: folder },
  );
  assert.equal(stdout, output, stderr);
});
