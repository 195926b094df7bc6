import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Child } from './child.ts';
import { programPath, requires } from './requires.ts';
import { runs } from './runs.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { waitFor } from './wait-for.ts';

const patienceMs = 20_000;
const lives = 'setInterval(() => {}, 1000);';

function script(source: string): string[] {
  return ['--input-type=module', '--eval', source];
}

test('a line on either stream is waited for, also when it came before', async () => {
  await using child = new Child(script(`console.log('ready on 7401'); console.error('warned'); ${lives}`));
  assert.equal(await child.line(/ready on \d+/, patienceMs), 'ready on 7401');
  assert.equal(await child.line(/warned/, patienceMs), 'warned');
  assert.equal(await child.line(/ready/, patienceMs), 'ready on 7401');
});

test('a line that does not come fails with the output, at the end of the process or at the deadline', async () => {
  await using ended = new Child(script(`console.log('so far'); console.error('bad disk'); process.exitCode = 3;`));
  await assert.rejects(ended.line(/ready/, patienceMs), /ended without \/ready\/ \(exit 3\)\n(.*\n)*.*! bad disk/);
  assert.deepEqual(await ended.ended(patienceMs), { code: 3, signal: null });
  await using silent = new Child(script(lives));
  await assert.rejects(silent.line(/ready/, 50), /printed no \/ready\/ in 50 ms\n {2}\(it printed nothing\)/);
});

test('a program that is not there fails with the reason', async () => {
  await using child = new Child([], { program: 'conclave-no-such-program' });
  await assert.rejects(child.line(/ready/, patienceMs), (error: Error) => /ENOENT/.test(String(error.cause)));
});

test('kill -9 ends the whole group', async () => {
  const grandchild = `import { spawn } from 'node:child_process';
    console.log(spawn(process.execPath, ['--eval', '${lives}']).pid); ${lives}`;
  await using child = new Child(script(grandchild));
  const pid = Number(await child.line(/^\d+$/, patienceMs));
  assert.ok(runs(pid));
  assert.deepEqual(await child.kill(), { code: null, signal: 'SIGKILL' });
  await waitFor(
    () => !runs(pid),
    patienceMs,
    () => `${pid} runs`,
  );
});

test('a paused process does nothing until it is resumed', { skip: requires('linux') }, async () => {
  await using child = new Child(script(`console.log('ready'); ${lives}`));
  await child.line(/ready/, patienceMs);
  const state = (): string => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? '';
  child.pause();
  await waitFor(() => state() === 'T', patienceMs, state);
  child.resume();
  await waitFor(() => state() !== 'T', patienceMs, state);
});

test('children do not outlive a test process that is killed', async () => {
  const module = JSON.stringify(join(import.meta.dirname, 'child.ts'));
  const source = `const { Child } = await import(${module});
    console.log(new Child(['--eval', '${lives}']).pid); ${lives}`;
  await using tester = new Child([...process.execArgv, ...script(source)]);
  const pid = Number(await tester.line(/^\d+$/, patienceMs));
  assert.ok(runs(pid));
  process.kill(tester.pid, 'SIGKILL');
  await tester.ended(patienceMs);
  await waitFor(
    () => !runs(pid),
    patienceMs,
    () => `${pid} runs`,
  );
});

test('a temporary directory is gone afterwards', () => {
  let path: string;
  {
    using directory = temporaryDirectory();
    ({ path } = directory);
    assert.ok(existsSync(path));
  }
  assert.ok(!existsSync(path));
});

test('a condition that never holds fails with what there was instead', async () => {
  await assert.rejects(
    waitFor(
      () => false,
      20,
      () => 'the leader was null',
    ),
    /not so after 20 ms: the leader was null/,
  );
});

test('what a machine lacks is named, and what it has is found', () => {
  const path = process.env['PATH'];
  process.env['PATH'] = '';
  try {
    assert.equal(requires('strace', 'promtool'), 'this machine has no strace and no promtool');
  } finally {
    process.env['PATH'] = path;
  }
  assert.equal(requires('git'), programPath('git') === undefined ? 'this machine has no git' : false);
});
