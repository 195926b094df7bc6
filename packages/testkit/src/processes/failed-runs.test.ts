// Tests that fail on purpose, in a run of their own: whatever they leave half done is gone afterwards, and the run ends and says so.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Child } from './child.ts';
import { printed } from './conclave-program.ts';
import { runs } from './runs.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { waitFor } from './wait-for.ts';

const runner = join(import.meta.dirname, '../../bin/run-tests.mjs');
const runTimeoutMs = 60_000;
const tidyTimeoutMs = 10_000;
const timeout = 90_000;

interface Facts {
  readonly pids: readonly number[];
  readonly directory: string;
}

interface Run {
  readonly code: number | null;
  readonly output: string;
  readonly facts: Facts;
}

/** Members, of which some are stopped. */
const cluster = `
  const cluster = await TestCluster.start();
  cluster.pause(...(await cluster.followers()));
  const members = cluster.ids.map((id) => cluster.member(id).pid);
`;
const stray = `
  const { pid } = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'inherit' });
`;
/** As \`conclave lock\` runs its command: in a group of its own, with the streams of the holder. */
const holder = `
  const child = new Child(['--eval', \`
    const { spawn } = require('node:child_process');
    const held = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'inherit' });
    console.log(held.pid);
    setInterval(() => {}, 1000);\`]);
  const held = Number(await child.line(/^\\d+$/, 20_000));
`;

interface Purpose {
  readonly runner: Child;
  /** Null until the test has told them. */
  readonly facts: () => Facts | null;
}

/** Starts a run of one test with this body, in a file of its own. */
function startRun(folder: string, body: string, ...flags: readonly string[]): Purpose {
  const file = join(folder, 'purpose.test.mts');
  const facts = join(folder, 'facts.json');
  const at = (name: string): string => JSON.stringify(join(import.meta.dirname, name));
  writeFileSync(
    file,
    `import assert from 'node:assert/strict';
    import { spawn } from 'node:child_process';
    import { renameSync, writeFileSync } from 'node:fs';
    import { test } from 'node:test';
    import { Child } from ${at('child.ts')};
    import { temporaryDirectory } from ${at('temporary-directory.ts')};
    import { TestCluster } from ${at('test-cluster.ts')};
    const tell = (pids, directory) => {
      writeFileSync(${JSON.stringify(`${facts}.new`)}, JSON.stringify({ pids, directory }));
      renameSync(${JSON.stringify(`${facts}.new`)}, ${JSON.stringify(facts)});
    };
    test('a test with a purpose', async () => {${body}});`,
  );
  // A runner inside a test must not take itself for one of the test's files.
  const env = { NODE_TEST_CONTEXT: undefined };
  const nodeFlags = process.execArgv.filter((flag) => !flag.startsWith('--test'));
  return {
    runner: new Child([...nodeFlags, runner, ...flags, file], { env }),
    facts: () => (existsSync(facts) ? (JSON.parse(readFileSync(facts, 'utf8')) as Facts) : null),
  };
}

async function runTest(body: string, ...flags: readonly string[]): Promise<Run> {
  using folder = temporaryDirectory();
  const purpose = startRun(folder.path, body, ...flags);
  await using child = purpose.runner;
  const { code } = await child.ended(runTimeoutMs);
  const output = `${printed(child, 'stdout')}\n${printed(child, 'stderr')}`;
  const facts = purpose.facts();
  assert.ok(facts !== null, output);
  return { code, output, facts };
}

/** The guardian may take a moment longer than the run. */
async function nothingIsLeft({ directory, pids }: Facts): Promise<void> {
  assert.ok(pids.length > 0 && pids.every((pid) => pid > 0));
  await waitFor(
    () => pids.every((pid) => !runs(pid)) && !existsSync(directory),
    tidyTimeoutMs,
    () => `${pids.filter((pid) => runs(pid)).join()} run; ${directory}: ${existsSync(directory)}`,
  );
}

test('an assertion that fails while members are stopped and a held command runs leaves nothing, and the run ends with it', {
  timeout,
}, async () => {
  const run = await runTest(`
    ${cluster.replace('const cluster', 'await using cluster')}
    ${holder.replace('const child', 'await using child')}
    tell([...members, child.pid, held], cluster.directory.path);
    assert.fail('on purpose');`);
  assert.match(run.output, /on purpose/);
  assert.match(run.output, /^0 passed, 1 failed, 0 skipped$/m);
  assert.equal(run.code, 1);
  await nothingIsLeft(run.facts);
  assert.doesNotMatch(run.output, /left behind/);
});

test('a test that disposes of nothing is a failure, and nothing of it is left', { timeout }, async () => {
  const run = await runTest(`${cluster}${holder} tell([...members, child.pid, held], cluster.directory.path);`);
  assert.match(run.output, /left behind by a test:\n( {2}\d+ .*\n)+/);
  assert.equal(run.code, 1);
  await nothingIsLeft(run.facts);
});

test('a file that is over its time is ended with all that it started, busy as it may be, and the run goes on to its end', {
  timeout,
}, async () => {
  const body = `
    process.on('SIGTERM', () => {});
    const directory = temporaryDirectory();
    ${holder}
    tell([process.pid, child.pid, held], directory.path);
    for (;;);`;
  const run = await runTest(body, '--file-seconds', '8');
  assert.match(run.output, /timed out after 8000ms/);
  assert.match(run.output, /^0 passed, 1 failed, 0 skipped$/m);
  assert.equal(run.code, 1);
  await nothingIsLeft(run.facts);
});

test('what a test started without these helpers and left running is named, is a failure, and is ended', {
  timeout,
}, async () => {
  const run = await runTest(`${stray.replace("'inherit'", "'ignore'")} tell([pid], '/nowhere');`);
  assert.match(run.output, /FAIL left running by a test, and killed now:\n {5}\d+ .*setInterval/);
  assert.match(run.output, /^1 passed, 1 failed, 0 skipped$/m);
  assert.equal(run.code, 1);
  await nothingIsLeft(run.facts);
});

test('a run that is killed leaves nothing of the tests that were under way', { timeout }, async () => {
  using folder = temporaryDirectory();
  const body = `
    const directory = temporaryDirectory();
    ${holder}
    tell([process.pid, child.pid, held], directory.path);
    for (;;);`;
  const purpose = startRun(folder.path, body);
  await using child = purpose.runner;
  const facts = await waitFor(purpose.facts, runTimeoutMs, () => child.output());
  process.kill(child.pid, 'SIGKILL');
  await nothingIsLeft(facts);
});
