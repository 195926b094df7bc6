// The runner counts every outcome of a file, and lets it clean up, although something in it would keep it going for ever.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Child } from './child.ts';
import { printed } from './conclave-program.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const runner = join(import.meta.dirname, '../../bin/run-tests.mjs');
const count = 300;

test('every outcome of a file that does not end by itself is counted, after the hooks of the file have run', {
  timeout: 60_000,
}, async () => {
  using folder = temporaryDirectory();
  const file = join(folder.path, 'endless.test.mts');
  writeFileSync(
    file,
    `import { after, test } from 'node:test';
    import { setTimeout as sleep } from 'node:timers/promises';
    for (let nth = 0; nth < ${count}; nth++) test('number ' + nth, () => {});
    setInterval(() => {}, 1_000);
    // Longer than outcomes are given to be written.
    after(async () => { await sleep(300); console.log('cleaned up'); });`,
  );
  // A runner inside a test must not take itself for one of the test's files.
  const env = { NODE_TEST_CONTEXT: undefined };
  const nodeFlags = process.execArgv.filter((flag) => !flag.startsWith('--test'));
  await using child = new Child([...nodeFlags, runner, file], { env });
  const { code } = await child.ended(50_000);
  const output = printed(child, 'stdout');
  assert.match(output, /cleaned up/);
  assert.match(output, new RegExp(`^${count} passed, 0 failed, 0 skipped$`, 'm'));
  assert.equal(code, 0, child.output());
});
