// The command behind `conclave lock NAME --`, against real processes: how it ends, and with whom.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Client } from '@conclave/client';
import { inspectLock } from '@conclave/client/admin';
import { Child } from '../processes/child.ts';
import { conclave, conclaveArguments, printed, runConclave } from '../processes/conclave-program.ts';
import { requires } from '../processes/requires.ts';
import { runs } from '../processes/runs.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../processes/temporary-directory.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

const timeout = 60_000;
/** Longer than any test here takes: what ends sooner did not wait for it. */
const longTtlMs = 120_000;

let directory: TemporaryDirectory;
let cluster: TestCluster;
let client: Client;
let endpoints: readonly string[] = [];

before(async () => {
  directory = temporaryDirectory();
  // For a command of another user.
  chmodSync(directory.path, 0o755);
  cluster = await TestCluster.start();
  client = await cluster.connect();
  endpoints = ['--endpoints', cluster.endpoints.join(',')];
});

after(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
  directory?.[Symbol.dispose]();
});

function lock(name: string, options: readonly string[], script: string): Child {
  return conclave(['lock', name, ...options, ...endpoints, '--', 'sh', '-c', script]);
}

async function release(name: string, ...options: string[]): Promise<void> {
  const { code, stderr } = await runConclave(['lock', 'release', name, '--force', ...options, ...endpoints]);
  assert.equal(code, 0, stderr);
}

/** Says its pid, and what it is told. */
const obedient = 'trap "echo TERM; sleep 0.2; echo cleaned; exit 0" TERM; echo pid $$; while :; do sleep 0.05; done';
const deaf = 'trap "" TERM; echo pid $$; while :; do echo beat; sleep 0.05; done';

async function pidOf(child: Child): Promise<number> {
  return Number((await child.line(/^pid \d+$/, patienceMs)).slice('pid '.length));
}

/** `T`, or `D`: a shell that has just forked waits for its child to run the next program, and that one is stopped. */
async function stopped(pid: number): Promise<void> {
  const state = (): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] ?? '';
  await waitFor(() => state() === 'T' || state() === 'D', patienceMs, state);
}

test('a command that cannot be started ends it as in a shell: 127 when there is none, 126 when it is no program', {
  timeout,
}, async () => {
  const missing = await runConclave(['lock', 'typo', ...endpoints, '--', 'no-such-command']);
  assert.equal(missing.code, 127, missing.stderr);
  assert.match(missing.stderr, /^conclave lock: no-such-command: there is no such command$/m);
  assert.equal((await runConclave(['lock', 'typo', ...endpoints, '--', '/'])).code, 126);
});

test('after a forced release the command has its time to end, and the operator is heard', { timeout }, async () => {
  await using holder = lock('taken', ['--ttl-ms', `${longTtlMs}`, '--kill-after-ms', '10000'], obedient);
  await pidOf(holder);
  await release('taken', '--reason', 'ticket 4711');
  assert.equal((await holder.ended(patienceMs)).code, 6, holder.output());
  assert.match(printed(holder, 'stdout'), /^TERM\ncleaned$/m);
  assert.match(printed(holder, 'stderr'), /taken: it is lost: .*ticket 4711; .*TERM, and KILL in (9\d{3}|10000) ms/);
});

test('after the end of its session too, and KILL when it does not use its time', { timeout }, async () => {
  await using holder = lock('session', ['--ttl-ms', `${longTtlMs}`, '--kill-after-ms', '300'], deaf);
  await pidOf(holder);
  const [hold] = (await inspectLock(client, 'session')).holders;
  const { code } = await runConclave(['session', 'end', `${hold?.session}`, ...endpoints]);
  assert.equal(code, 0);
  assert.equal((await holder.ended(patienceMs)).code, 6, holder.output());
  assert.match(printed(holder, 'stderr'), /has ended: revoked; the command gets TERM, and KILL in (2\d\d|300) ms/);
});

test('a release --now leaves no time, and the command gets KILL', { timeout }, async () => {
  await using holder = lock('now', ['--ttl-ms', `${longTtlMs}`, '--kill-after-ms', '10000'], obedient);
  await pidOf(holder);
  await release('now', '--now');
  assert.equal((await holder.ended(patienceMs)).code, 6, holder.output());
  assert.doesNotMatch(printed(holder, 'stdout'), /TERM/);
  assert.match(printed(holder, 'stderr'), /the next one may hold it already; the command gets KILL$/m);
});

test('--kill-after-ms above half of the ttl is refused: it would end a command whose hold is well', {
  timeout,
}, async () => {
  const words = ['lock', 'x', '--ttl-ms', '2000', '--kill-after-ms', '1001', ...endpoints, '--', 'true'];
  const { code, stderr } = await runConclave(words);
  assert.equal(code, 2);
  assert.match(stderr, /--kill-after-ms 1001: at most 1000, half of the ttl of 2000 ms/);
});

test('a command of another user cannot be ended: that is said, and it is held as long as the command runs', {
  timeout,
  skip: requires('root', 'setpriv'),
}, async () => {
  const gate = join(directory.path, 'gate');
  const powerless = ['--bounding-set', '-kill', '--inh-caps', '-kill', process.execPath];
  const words = ['lock', 'foreign', '--ttl-ms', `${longTtlMs}`, '--kill-after-ms', '100', ...endpoints, '--'];
  const script = `echo pid $$; until test -e ${gate}; do sleep 0.05; done; echo over`;
  const foreign = ['setpriv', '--reuid', '65534', '--clear-groups', 'sh', '-c', script];
  await using holder = new Child([...powerless, ...conclaveArguments([...words, ...foreign])], { program: 'setpriv' });
  await pidOf(holder);
  holder.signal('SIGTERM');
  await holder.line(/belongs to another user, does not get SIGTERM \(EPERM\), and goes on$/, patienceMs);
  assert.equal(await client.tryLock('foreign'), null, 'it is held');
  await release('foreign');
  await holder.line(/does not get SIGKILL .* only the fence protects what the command writes$/, patienceMs);
  writeFileSync(gate, '');
  assert.equal((await holder.ended(patienceMs)).code, 6, holder.output());
  assert.match(printed(holder, 'stdout'), /^over$/m);
});

test('when the process that holds is killed, the command and what it started end', { timeout }, async () => {
  const script = 'sh -c "echo pid \\$\\$; trap : TERM; while :; do sleep 0.05; done" & wait';
  await using holder = lock('killed', ['--ttl-ms', `${longTtlMs}`], script);
  const pid = await pidOf(holder);
  await holder.kill();
  await waitFor(
    () => !runs(pid),
    patienceMs,
    () => `${pid} still runs`,
  );
});

test('SIGQUIT and SIGHUP are passed on', { timeout }, async () => {
  for (const [at, name] of (['QUIT', 'HUP'] as const).entries()) {
    const script = `trap "exit ${50 + at}" ${name}; echo pid $$; while :; do sleep 0.05; done`;
    await using holder = lock(name, [], script);
    await pidOf(holder);
    holder.signal(`SIG${name}`);
    assert.equal((await holder.ended(patienceMs)).code, 50 + at, holder.output());
  }
});

test('Ctrl-Z stops the command with it; continued in time it goes on, and after its time it is ended', {
  timeout,
  skip: requires('linux'),
}, async () => {
  await using holder = lock('stopped', ['--ttl-ms', '3000'], deaf);
  const pid = await pidOf(holder);
  const beats = (): number => holder.lines.filter(({ text }) => text === 'beat').length;
  holder.signal('SIGTSTP');
  await Promise.all([stopped(pid), stopped(holder.pid)]);
  const earlier = beats();
  holder.resume();
  await waitFor(
    () => beats() > earlier + 1,
    patienceMs,
    () => holder.output(),
  );
  holder.signal('SIGTSTP');
  await Promise.all([stopped(pid), stopped(holder.pid)]);
  await using next = await client.lock('stopped');
  const late = beats();
  holder.resume();
  assert.equal((await holder.ended(patienceMs)).code, 6, holder.output());
  assert.equal(beats(), late, 'not once after it was lost');
  next.assertHeld();
});

test('--foreground: the command keeps the terminal, which it has not in a group of its own', {
  timeout,
  skip: requires('script'),
}, async () => {
  const inTerminal = async (...options: string[]): Promise<string> => {
    const words = ['lock', 'terminal', ...options, ...endpoints, '--', 'sh', '-c', 'echo reached >/dev/tty'];
    const line = [process.execPath, ...conclaveArguments(words)].map((word) => `'${word}'`).join(' ');
    await using typed = new Child(['-qec', line, '/dev/null'], { program: 'script' });
    await typed.ended(patienceMs);
    return typed.output();
  };
  assert.match(await inTerminal('--foreground'), /reached/);
  assert.doesNotMatch(await inTerminal(), /reached/);
});
