import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { output, RunningProcess } from './running-process.ts';

function started(context: TestContext, program: string): RunningProcess {
  const directory = mkdtempSync(join(tmpdir(), 'conclave-bench-test-'));
  const child = new RunningProcess(process.execPath, ['-e', program], join(directory, 'log'));
  context.after(async () => {
    await child.stop();
    rmSync(directory, { recursive: true });
  });
  return child;
}

test('its first line is read, and it runs until it is stopped', async (context) => {
  const child = started(context, "console.log('ready'); setInterval(() => {}, 1000)");
  assert.equal(await child.firstLine(), 'ready');
  assert.equal(child.hasEnded, false);
  await child.stop();
  assert.equal(child.hasEnded, true);
});

test('when it ends before it is ready, its last words are told', async (context) => {
  const child = started(context, "console.error('the port is in use'); process.exit(1)");
  await assert.rejects(child.firstLine(), /the port is in use/);
});

test('a command that fails rejects with what it complained of', async () => {
  assert.equal(await output(process.execPath, ['-p', '1+1']), '2\n');
  await assert.rejects(
    output(process.execPath, ['-e', "console.error('no such flag'); process.exit(3)"]),
    /no such flag/,
  );
});
