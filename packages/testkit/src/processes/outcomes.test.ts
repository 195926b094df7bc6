// The runner counts every outcome of a file, and lets it clean up, although something in it would keep it going for ever.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Child } from './child.ts';
import { printed } from './conclave-program.ts';
import { requires } from './requires.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const bin = join(import.meta.dirname, '../../bin');
const count = 300;
const timeout = 60_000;
const nodeFlags = process.execArgv.filter((flag) => !flag.startsWith('--test'));

/** With so many tests, whose outcomes are three times what a pipe has room for. It would go on for ever. */
function endless(folder: string, more = ''): string {
  const file = join(folder, 'endless.test.mts');
  writeFileSync(
    file,
    `import { after, test } from 'node:test';
    import { setTimeout as sleep } from 'node:timers/promises';
    setInterval(() => {}, 1_000);
    ${more}
    for (let nth = 0; nth < ${count}; nth++) test('number ' + nth, () => {});`,
  );
  return file;
}

test('every outcome of a file is written, although whoever reads them is late', {
  timeout,
  skip: requires('linux'),
}, () => {
  using folder = temporaryDirectory();
  const command = [process.execPath, ...nodeFlags, '--import', join(bin, 'end-of-file.mjs'), endless(folder.path)];
  // The reader begins when the file has long filled the pipe; it stands for a runner that is busy.
  const written = execFileSync('sh', ['-c', '"$@" | { sleep 2; cat; }', 'sh', ...command], {
    env: { ...process.env, NODE_TEST_CONTEXT: 'child-v8' },
    encoding: 'latin1',
    timeout: timeout / 2,
  });
  assert.equal(written.match(/test:pass/g)?.length, count);
});

test('a file ends after its own hooks, however long they take', { timeout }, async () => {
  using folder = temporaryDirectory();
  const file = endless(folder.path, "after(async () => { await sleep(300); console.log('cleaned up'); });");
  // A runner inside a test must not take itself for one of the test's files.
  await using child = new Child([...nodeFlags, join(bin, 'run-tests.mjs'), file], {
    env: { NODE_TEST_CONTEXT: undefined },
  });
  const { code } = await child.ended(timeout / 2);
  assert.equal(code, 0, child.output());
  assert.match(printed(child, 'stdout'), /cleaned up/);
  assert.match(printed(child, 'stdout'), new RegExp(`^${count} passed, 0 failed, 0 skipped$`, 'm'));
});
