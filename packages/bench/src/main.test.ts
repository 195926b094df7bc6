import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

const main = join(import.meta.dirname, 'main.ts');

for (const parameters of [[], ['spin'], ['spine', 'twice'], ['spine', '--seconds', '0'], ['etcd', '--fast']]) {
  test(`bench ${parameters.join(' ')}: cannot run, says how it can, and exits with 2`, () => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [...process.execArgv, main, ...parameters], {
      encoding: 'utf8',
    });
    assert.equal(status, 2);
    assert.match(stderr, /usage: npm run bench -- spine/);
    assert.equal(stdout, '');
  });
}
