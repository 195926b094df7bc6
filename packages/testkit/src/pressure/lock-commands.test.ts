// Sessions, leases and locks by their commands, against real processes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client, ConclaveError } from '@conclave/client';
import { Child } from '../processes/child.ts';
import { conclave, conclaveArguments, type Finished, printed, runConclave } from '../processes/conclave-program.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

const timeout = 60_000;

let cluster: TestCluster;
let client: Client;
let endpoints: readonly string[] = [];

before(async () => {
  cluster = await TestCluster.start();
  client = await cluster.connect();
  endpoints = ['--endpoints', cluster.endpoints.join(',')];
});

after(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

async function run(...words: string[]): Promise<Finished> {
  return runConclave([...words, ...endpoints]);
}

/** What a command that ends well says under `--json`. */
async function json(...words: string[]): Promise<Record<string, unknown>> {
  const { code, stderr, stdout } = await run(...words, '--json');
  assert.equal(code, 0, `${words.join(' ')}: ${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function codesOf(...commands: readonly (readonly string[])[]): Promise<(number | null)[]> {
  return Promise.all(commands.map(async (words) => (await run(...words)).code));
}

async function held(holder: Child): Promise<Record<string, unknown>> {
  return JSON.parse(await holder.line(/fence/, patienceMs)) as Record<string, unknown>;
}

test('session: listed and shown with who they say they are, and ended for their client, which is told', {
  timeout,
}, async () => {
  const session = await client.session({ ttlMs: 60_000, metadata: { app: 'billing' } });
  const lock = await client.lock('in/session', { session });
  await client.put('of/session', '', { lease: session.id });
  const shown = { id: session.id, ttlMs: 60_000, keys: 1, holds: 1, metadata: { app: 'billing' } };
  assert.deepEqual(await json('session', 'show', `${session.id}`), shown);
  const { sessions } = await json('session', 'list');
  assert.deepEqual(
    (sessions as (typeof shown)[]).find(({ id }) => id === session.id),
    shown,
  );
  assert.match((await run('session', 'list')).stdout, new RegExp(`^${session.id} +60000 +1 +1 +app=billing$`, 'm'));
  const ended = await json('session', 'end', `${session.id}`, '--reason', 'stuck');
  assert.deepEqual(ended, { id: session.id, ended: true });
  await waitFor(
    async () => lock.signal.aborted,
    patienceMs,
    () => 'the client was not told',
  );
  assert.equal((lock.signal.reason as ConclaveError).code, 'LOCK_LOST');
  assert.equal(session.state, 'expired');
  const lease = await client.perform({ type: 'leaseGrant', ttlMs: 60_000 });
  const [id, other] = [`${session.id}`, `${lease.lease}`];
  const codes = await codesOf(
    ['session', 'end', id],
    ['session', 'show', id],
    ['session', 'show', other],
    ['session', 'end', other],
    ['session', 'show', 'x'],
    ['session'],
  );
  assert.deepEqual(codes, [1, 1, 1, 1, 2, 2]);
});

test('lease: granted, shown, renewed, revoked with its keys', { timeout }, async () => {
  const { id, ttlMs } = (await json('lease', 'grant', '--ttl-ms', '60000')) as { id: number; ttlMs: number };
  assert.equal(ttlMs, 60_000);
  await client.put('of/lease', '', { lease: id });
  const shown = await json('lease', 'show', `${id}`, '--keys');
  const remainingMs = shown['remainingMs'] as number;
  assert.ok(remainingMs > 0 && remainingMs <= ttlMs, `${remainingMs} ms are left`);
  assert.deepEqual(shown, { id, ttlMs, remainingMs, keys: 1, attached: ['of/lease'] });
  const { leases } = await json('lease', 'list');
  const listed = (leases as { id: number; remainingMs: number }[]).find((one) => one.id === id);
  assert.deepEqual(listed, { id, ttlMs, remainingMs: listed?.remainingMs, keys: 1 });
  assert.ok((listed?.remainingMs ?? 0) > 0, 'and less than before, which is no renewal');
  assert.deepEqual(await json('lease', 'keepalive', `${id}`, '--once'), { id, ttlMs });
  assert.deepEqual(await json('lease', 'revoke', `${id}`), { id, revoked: true });
  assert.equal(await client.get('of/lease'), null);
  const session = await client.session({ ttlMs: 60_000 });
  const gone = `${id}`;
  const codes = await codesOf(
    ['lease', 'revoke', gone],
    ['lease', 'show', gone],
    ['lease', 'keepalive', gone],
    ['lease', 'keepalive', `${session.id}`],
    ['lease', 'revoke', `${session.id}`],
    ['lease', 'grant'],
    ['lease', 'grant', '--ttl-ms', '10'],
  );
  assert.deepEqual(codes, [1, 1, 1, 1, 1, 2, 2]);
  assert.equal(session.state, 'active', 'what is a session is left alone');
});

test('lease keepalive: it lives on as long as the command runs, and no longer', { timeout }, async () => {
  // A command may take seconds to start on a busy machine.
  const ttlMs = 6_000;
  const { lease } = await client.perform({ type: 'leaseGrant', ttlMs });
  await client.put('kept', '', { lease });
  await using keeper = conclave(['lease', 'keepalive', `${lease}`, '--json', ...endpoints]);
  await keeper.line(/"id"/, patienceMs);
  // Granted after the other was renewed first: it ends later than that one would without another renewal.
  const { lease: unattended } = await client.perform({ type: 'leaseGrant', ttlMs });
  await client.put('unattended', '', { lease: unattended });
  const gone = async (key: string): Promise<unknown> =>
    waitFor(
      async () => (await client.get(key)) === null,
      patienceMs,
      () => `${key} is still there`,
    );
  await gone('unattended');
  assert.notEqual(await client.get('kept'), null);
  keeper.signal('SIGINT');
  assert.deepEqual(await keeper.ended(patienceMs), { code: 0, signal: null }, keeper.output());
  await gone('kept');
});

test('lock list, inspect and release --force: who holds and who waits is seen, and a stuck hold is ended', {
  timeout,
}, async () => {
  await using holder = conclave(['lock', 'stuck', '--json', ...endpoints]);
  const { fence } = (await held(holder)) as { fence: number };
  await using next = conclave(['lock', 'stuck', '--json', ...endpoints]);
  let info: Record<string, unknown> = {};
  await waitFor(
    async () => (info = await json('lock', 'inspect', 'stuck'))['waiting'] === 1,
    patienceMs,
    () => 'nobody waits',
  );
  assert.deepEqual(Object.keys(info), ['kind', 'name', 'permits', 'holding', 'holders', 'waiting', 'queue', 'past']);
  const [first] = info['holders'] as { fence: number; mode: string; who: Record<string, string> }[];
  assert.deepEqual([first?.fence, first?.mode, first?.who['program']], [fence, 'exclusive', 'conclave lock']);
  assert.match(
    (await run('lock', 'inspect', 'stuck')).stdout,
    /^lock stuck\n.*\nholds .*program=conclave lock\nwaits /,
  );
  const { locks } = await json('lock', 'list');
  const listed = (locks as { name: string; holder: { fence: number } | null }[]).find(({ name }) => name === 'stuck');
  assert.deepEqual(
    [listed?.holder?.fence, Object.keys(listed ?? {})],
    [fence, ['name', 'holder', 'holding', 'waiting', 'delayed']],
  );
  const refused = await codesOf(
    ['lock', 'release', 'stuck'],
    ['lock', 'release', 'stuck', '--force', '--fence', `${fence - 1}`],
    ['lock', 'release', 'nobody holds it', '--force'],
  );
  assert.deepEqual(refused, [2, 1, 1]);
  const released = await json('lock', 'release', 'stuck', '--force', '--now', '--reason', 'it hangs');
  assert.deepEqual(released, { name: 'stuck', fence, broken: true, delayMs: 0 });
  assert.ok(((await held(next))['fence'] as number) > fence);
  assert.deepEqual(await holder.ended(patienceMs), { code: 6, signal: null }, holder.output());
  const shown = await json('lock', 'inspect', 'stuck');
  assert.equal((shown['past'] as { end: string }[])[0]?.end, 'broken');
  next.signal('SIGINT');
  assert.equal((await next.ended(patienceMs)).code, 0);
});

test('lock --shared, several at once, and permits: as many hold as may, and no more', { timeout }, async () => {
  const hold = (...words: string[]): Child => conclave(['lock', ...words, '--json', ...endpoints]);
  await using reader = hold('--shared', 'table');
  await using other = hold('--shared', 'table');
  await Promise.all([held(reader), held(other)]);
  assert.deepEqual(await codesOf(['lock', '--try', 'table'], ['lock', 'table', 'free', '--wait-ms', '50']), [1, 1]);
  await using both = hold('a', 'b');
  const { names } = await held(both);
  assert.deepEqual(names, ['a', 'b']);
  assert.deepEqual(await codesOf(['lock', '--try', 'a'], ['lock', '--try', 'b']), [1, 1]);
  await using two = hold('--permits', '3', '--count', '2', 'pool');
  await held(two);
  const program = [process.execPath, '--eval', 'process.stdout.write(process.env.CONCLAVE_LOCK)'];
  const one = await runConclave(['lock', '--try', '--permits', '3', 'pool', ...endpoints, '--', ...program]);
  assert.deepEqual([one.code, one.stdout], [0, 'pool']);
  const codes = await codesOf(
    ['lock', '--try', '--permits', '3', '--count', '2', 'pool'],
    ['lock', '--permits', '3', '--count', '4', 'pool'],
    ['lock', '--permits', '3', '--shared', 'pool'],
    ['lock', '--count', '1', 'pool'],
    ['lock', '--force', 'c'],
    ['lock', '--try', 'a', 'c'],
    ['lock', '--wait-ms', '0', 'c', 'b'],
    ['elect', '--wait-ms', '0', 'e', 'v'],
  );
  assert.deepEqual(codes, [1, 2, 2, 2, 2, 1, 1, 2]);
  for (const free of [
    ['--try', 'c', 'd'],
    ['--wait-ms', '0', 'c', 'd'],
    ['--wait-ms', '0', 'c'],
  ]) {
    assert.equal((await runConclave(['lock', ...free, ...endpoints, '--', 'true'])).code, 0, free.join(' '));
  }
  const several = await runConclave(['lock', 'c', 'd', ...endpoints, '--', ...program]);
  assert.deepEqual([several.code, several.stdout], [0, 'c\nd']);
});

test('release --force --all ends every hold of a lock that is shared, and inspect says who of them is still there', {
  timeout,
}, async () => {
  const session = await client.session({ ttlMs: 60_000, metadata: { app: 'reports' } });
  const holds = await Promise.all([1, 2].map(async () => client.lock('readers', { session, mode: 'shared' })));
  assert.deepEqual(
    await codesOf(
      ['lock', 'release', 'readers', '--force'],
      ['lock', 'release', 'readers', '--force', '--all', '--fence', '1'],
    ),
    [2, 2],
  );
  const { released } = await json('lock', 'release', 'readers', '--force', '--all', '--now');
  const fences = holds.map(({ fence }) => fence).toSorted((a, b) => a - b);
  assert.deepEqual(
    released,
    fences.map((fence) => ({ fence, delayMs: 0 })),
  );
  const { past } = (await json('lock', 'inspect', 'readers')) as { past: { who: Record<string, string> }[] };
  assert.deepEqual(
    past.map(({ who }) => who),
    [{ app: 'reports' }, { app: 'reports' }],
  );
  assert.deepEqual(await codesOf(['lock', 'release', 'readers', '--force', '--all']), [1]);
  await session.close();
});

test('a name that is none is wrong usage, and one that is too long refused by a limit', { timeout }, async () => {
  const long = 'x'.repeat(1_025);
  const codes = await codesOf(
    ['lock', ''],
    ['lock', 'a', 'a'],
    ['elect', '', 'v'],
    ['lock', long],
    ['elect', long, 'v'],
  );
  assert.deepEqual(codes, [2, 2, 2, 5, 5]);
});

test('what others wrote into names and metadata does nothing to the terminal of an operator', { timeout }, async () => {
  const session = await client.session({ metadata: { app: 'x\n9 forged \u001b[2J\u202e\u2028forged\u2029forged' } });
  const lock = await client.lock('evil\u001b[31m\nforged', { session });
  await client.put('evil\u001b[31m', 'a\nb', { lease: session.id });
  const shown = await Promise.all([
    run('lock', 'list'),
    run('lock', 'inspect', lock.name),
    run('session', 'list'),
    run('session', 'show', `${session.id}`),
    run('list', '--prefix', 'evil'),
    run('lock', 'release', lock.name, '--force', '--fence', '1000000'),
    run('lock', lock.name, '--try'),
  ]);
  await using holder = conclave(['lock', `another ${lock.name}`, ...endpoints]);
  const line = await holder.line(/is held/, patienceMs);
  for (const text of [line, ...shown.map(({ stderr, stdout }) => `${stdout}\n${stderr}`)]) {
    assert.ok(
      ['\u001b', '\u202e'].every((one) => !text.includes(one)),
      JSON.stringify(text),
    );
    // What separates lines and paragraphs began a new line here.
    assert.doesNotMatch(text, /^9? ?forged/m);
  }
  assert.match(shown[5]?.stderr ?? '', /evil\\u001b\[31m\\nforged: nobody holds it under fence 1000000$/);
  assert.match(shown[0]?.stdout ?? '', /^evil\\u001b\[31m\\nforged +\d/m);
  assert.equal(shown[4]?.stdout, 'evil\\u001b[31m\ta\\nb');
  await session.close();
});

test('nothing behind -- is wrong usage, and a hangup while it is held gives it back', { timeout }, async () => {
  assert.equal((await runConclave(['lock', 'hup', ...endpoints, '--'])).code, 2);
  await using holder = conclave(['lock', 'hup', '--json', ...endpoints]);
  await held(holder);
  holder.signal('SIGHUP');
  assert.deepEqual(await holder.ended(patienceMs), { code: 0, signal: null }, holder.output());
  await using lock = await client.tryLock('hup');
  lock?.assertHeld();
  assert.ok(lock !== null);
});

test('a reader that goes away ends what it read from, without a word', { timeout }, async () => {
  // A command may take seconds to start on a busy machine; it prints again after a third of this.
  const { lease } = await client.perform({ type: 'leaseGrant', ttlMs: 9_000 });
  const words = conclaveArguments(['lease', 'keepalive', `${lease}`, '--json', ...endpoints]);
  const line = [process.execPath, ...words].map((word) => `'${word}'`).join(' ');
  await using piped = new Child(['-c', `{ ${line}; echo "code $?" >&2; } | head -n 1`], { program: 'sh' });
  assert.equal((await piped.ended(patienceMs)).code, 0);
  assert.deepEqual(
    piped.lines.filter(({ stream }) => stream === 'stderr').map(({ text }) => text),
    ['code 141'],
  );
});

test('whoever does not read what is said on standard error changes nothing about the exit code', {
  timeout,
}, async () => {
  const line = [process.execPath, ...conclaveArguments(['lock', 'a', 'a', ...endpoints])];
  const quoted = line.map((word) => `'${word}'`).join(' ');
  await using unread = new Child(['-c', `{ { ${quoted}; echo "code $?" >&3; } 2>&1 | true; } 3>&1`], { program: 'sh' });
  assert.equal((await unread.ended(patienceMs)).code, 0);
  assert.equal(printed(unread, 'stdout'), 'code 2');
});

test('--try says that it was not obtained only when the cluster says so, not when it says nothing any more', {
  timeout,
}, async () => {
  await using doors = await TestCluster.start({ proxied: 'everything' });
  await using watcher = await doors.connect();
  // What is answered by the cluster is long on its way, so that there is time between the session and what is asked under it.
  for (const door of doors.doors.values()) door.set({ delayMs: 1_000 }, 'backward');
  const urls = doors.ids.map((id) => doors.urlsOf(id)[0]).join(',');
  await using trying = conclave(['lock', 'x', '--try', '--timeout-ms', '12000', '--endpoints', urls]);
  await waitFor(
    async () => {
      const { leases } = await watcher.perform({ type: 'leases', after: 0, limit: 0 });
      return leases.some(({ metadata }) => metadata['program'] === 'conclave lock');
    },
    patienceMs,
    () => trying.output(),
  );
  using _paused = doors.pause(...(await doors.followers()));
  const { code } = await trying.ended(patienceMs);
  assert.deepEqual([code, printed(trying, 'stdout')], [3, ''], trying.output());
  assert.doesNotMatch(trying.output(), /not obtained/);
});

test('a cluster without a quorum is told within --timeout-ms, also by --try', { timeout }, async () => {
  using _paused = cluster.pause(...(await cluster.followers()));
  assert.deepEqual(
    await codesOf(
      ['lock', 'x', '--try', '--timeout-ms', '1000'],
      ['lock', 'x', '--timeout-ms', '1000'],
      ['elect', 'x', 'v', '--timeout-ms', '1000'],
    ),
    [3, 3, 3],
  );
});
