import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Client } from '@conclave/client';
import { Child } from '../processes/child.ts';
import { conclave, conclaveArguments, printed, runConclave } from '../processes/conclave-program.ts';
import { runs } from '../processes/runs.ts';
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

function file(name: string): string {
  return join(cluster.directory.path, name);
}

function script(source: string): string[] {
  return [process.execPath, '--input-type=module', '--eval', source];
}

/** For the source of a script: goes on when the test has opened the gate. */
function gate(name: string): { readonly passed: string; open(): void } {
  const path = JSON.stringify(file(name));
  return {
    passed: `new Promise((resolve) => {
      const timer = setInterval(() => { if (existsSync(${path})) resolve(clearInterval(timer)); }, 10);
    })`,
    open: () => writeFileSync(file(name), ''),
  };
}

/** Until a lease of this time to live, granted now and kept alive by nobody, has ended. */
async function longerThan(ttlMs: number): Promise<void> {
  const { lease } = await client.perform({ type: 'leaseGrant', ttlMs });
  const key = `unattended/${lease}`;
  await client.put(key, '', { lease });
  await waitFor(
    async () => (await client.get(key)) === null,
    patienceMs,
    () => 'a lease that nobody keeps alive goes on',
  );
}

async function waitingFor(name: string): Promise<number> {
  const { lock } = await client.perform({
    type: 'lock',
    name: { kind: 'lock', name: new TextEncoder().encode(name) },
  });
  return lock.queue.length;
}

test('a session without traffic lives on: a lock is held for longer than its time to live', { timeout }, async () => {
  const ttlMs = 1_500;
  const end = gate('end of long');
  const source = `import { existsSync } from 'node:fs'; console.log('holds'); await ${end.passed};`;
  await using holder = conclave(['lock', 'long', '--ttl-ms', `${ttlMs}`, ...endpoints, '--', ...script(source)]);
  await holder.line(/holds/, patienceMs);
  await longerThan(ttlMs);
  end.open();
  assert.deepEqual(await holder.ended(patienceMs), { code: 0, signal: null }, holder.output());
});

test('what one process puts, get --json finds through every member, and watch --json shows in one line a revision', {
  timeout,
}, async () => {
  await using watch = conclave(['watch', '--prefix', 'g', '--from', '1', '--json', ...endpoints]);
  const put = await runConclave(['put', 'greeting', 'hello', '--json', ...endpoints]);
  assert.equal(put.code, 0, put.stderr);
  const { revision } = JSON.parse(put.stdout) as { readonly revision: number };
  assert.deepEqual(JSON.parse(put.stdout), { revision });
  for (const endpoint of cluster.endpoints) {
    const { code, stdout } = await runConclave(['get', 'greeting', '--json', '--endpoints', endpoint]);
    assert.equal(code, 0);
    const entry = { key: 'greeting', value: 'hello', createRevision: revision, modRevision: revision, version: 1 };
    assert.deepEqual(JSON.parse(stdout), entry);
  }
  const line = await watch.line(/hello/, patienceMs);
  assert.deepEqual(JSON.parse(line), { revision, events: [{ type: 'put', key: 'greeting', value: 'hello' }] });
  await client.put('other', 'not asked for');
  const two = await client.txn({
    then: [
      { put: 'g/1', value: 'a' },
      { put: 'g/2', value: 'b' },
    ],
  });
  const both = JSON.parse(await watch.line(/g\/1/, patienceMs)) as { readonly events: readonly { key: string }[] };
  assert.deepEqual(
    [both.events.map(({ key }) => key), Object.keys(both)],
    [
      ['g/1', 'g/2'],
      ['revision', 'events'],
    ],
  );
  assert.equal((both as unknown as { revision: number }).revision, two.revision);
  watch.signal('SIGINT');
  assert.deepEqual(await watch.ended(patienceMs), { code: 0, signal: null });
  assert.equal(printed(watch, 'stdout').split('\n').length, 2, 'nothing but what was asked for');
});

test('without --json, get prints the value, and watch one line a change; with it, bytes that are no text are base64', {
  timeout,
}, async () => {
  const { revision } = await client.put('plain', 'two words');
  const { code, stdout } = await runConclave(['get', 'plain', ...endpoints]);
  assert.deepEqual([code, stdout], [0, 'two words']);
  await using watch = conclave(['watch', 'plain', '--from', `${revision}`, ...endpoints]);
  assert.equal(await watch.line(/two/, patienceMs), `${revision}\tput\tplain\ttwo words`);
  const gone = await client.delete('plain');
  assert.equal(await watch.line(/delete/, patienceMs), `${gone.revision}\tdelete\tplain`);
  await client.put('bytes', Uint8Array.from([0xff, 0x00]));
  const bytes = JSON.parse((await runConclave(['get', 'bytes', '--json', ...endpoints])).stdout) as object;
  assert.deepEqual({ ...bytes, value: '/wA=', encoding: 'base64' }, bytes);
});

test('list --json has entries in order and says whether there are more; delete --prefix takes them all', {
  timeout,
}, async () => {
  for (const [key, value] of [
    ['l/b', 'two'],
    ['l/a', 'one'],
    ['l/c', 'three'],
    ['m', 'not asked for'],
  ] as const) {
    await client.put(key, value);
  }
  const all = await runConclave(['list', 'l/', '--json', ...endpoints]);
  const listed = JSON.parse(all.stdout) as {
    readonly revision: number;
    readonly entries: readonly { readonly key: string; readonly value: string }[];
    readonly more: boolean;
  };
  assert.deepEqual(Object.keys(listed), ['revision', 'entries', 'more']);
  assert.deepEqual(
    listed.entries.map(({ key, value }) => [key, value]),
    [
      ['l/a', 'one'],
      ['l/b', 'two'],
      ['l/c', 'three'],
    ],
  );
  assert.equal(listed.more, false);
  const one = await runConclave(['list', 'l/', '--reverse', '--limit', '1', '--json', ...endpoints]);
  const last = JSON.parse(one.stdout) as typeof listed;
  assert.deepEqual([last.entries.map(({ key }) => key), last.more], [['l/c'], true]);
  const removed = await runConclave(['delete', '--prefix', 'l/', '--json', ...endpoints]);
  assert.equal((JSON.parse(removed.stdout) as { readonly deleted: number }).deleted, 3);
  assert.deepEqual((await client.list({ prefix: 'l/' })).entries, []);
  assert.equal((await client.get('m'))?.text(), 'not asked for');
  const none = await runConclave(['delete', '--prefix', 'l/', ...endpoints]);
  assert.equal(none.code, 1, 'there was none');
});

test('put --if-revision writes only what it was meant to replace', { timeout }, async () => {
  const { revision } = await client.put('guarded', 'one');
  const lost = await runConclave(['put', 'guarded', 'two', '--if-revision', `${revision - 1}`, ...endpoints]);
  assert.deepEqual([lost.code, (await client.get('guarded'))?.text()], [1, 'one']);
  assert.match(lost.stderr, new RegExp(`guarded was not written: it was last written at ${revision}`));
  const won = await runConclave(['put', 'guarded', 'two', '--if-revision', `${revision}`, ...endpoints]);
  assert.deepEqual([won.code, (await client.get('guarded'))?.text()], [0, 'two']);
});

test('status --json has the fields of the design and no others, and says which process leads', {
  timeout,
}, async () => {
  const told = async (): Promise<Status | null> => {
    const { code, stdout } = await runConclave(['status', '--json', ...endpoints]);
    assert.equal(code, 0);
    const status = JSON.parse(stdout) as Status;
    return status.members.every(({ pid }) => pid !== null) ? status : null;
  };
  const status = await waitFor(told, patienceMs, () => 'not every member has told its pid');
  assert.deepEqual(Object.keys(status), ['clusterId', 'term', 'leader', 'revision', 'members']);
  const fields = ['id', 'name', 'role', 'clientUrl', 'peerUrl', 'applied', 'commit', 'durable', 'pid'];
  for (const member of status.members) assert.deepEqual(Object.keys(member).toSorted(), fields.toSorted());
  assert.deepEqual(
    status.members.map(({ clientUrl, id, pid }) => [id, clientUrl, pid]),
    cluster.ids.map((id) => [id, cluster.endpoint(id), cluster.member(id).pid]),
  );
  const leader = await cluster.leader();
  assert.equal(status.leader, leader);
  assert.deepEqual(
    status.members.filter(({ role }) => role === 'leader').map(({ id }) => id),
    [leader],
  );
  const plain = await runConclave(['status', ...endpoints]);
  assert.match(plain.stdout, new RegExp(`^cluster .*leader ${leader}$`, 'm'));
});

interface Status {
  readonly leader: number | null;
  readonly members: readonly {
    readonly id: number;
    readonly role: string;
    readonly clientUrl: string;
    readonly pid: number | null;
  }[];
}

test('two processes that want one lock run one after the other, with growing fences', { timeout }, async () => {
  const log = file('deploy');
  const end = gate('end of deploy');
  const source = `import { appendFileSync, existsSync } from 'node:fs';
    const say = (what) => appendFileSync(${JSON.stringify(log)}, what + ' ' + process.env.CONCLAVE_LOCK + ' ' + process.env.CONCLAVE_FENCE + '\\n');
    say('begin'); await ${end.passed}; say('end');`;
  const start = (): Child => conclave(['lock', 'deploy', ...endpoints, '--', ...script(source)]);
  await using one = start();
  await using two = start();
  await waitFor(
    async () => existsSync(log) && (await waitingFor('deploy')) === 1,
    patienceMs,
    () => `nobody waits for the lock\n${one.output()}\n${two.output()}`,
  );
  end.open();
  assert.deepEqual(
    (await Promise.all([one.ended(patienceMs), two.ended(patienceMs)])).map(({ code }) => code),
    [0, 0],
  );
  const lines = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  assert.deepEqual(
    lines.map(([what]) => what),
    ['begin', 'end', 'begin', 'end'],
  );
  assert.ok(lines.every(([, name]) => name === 'deploy'));
  const fences = lines.map(([, , fence]) => Number(fence));
  assert.ok((fences[0] ?? 0) === fences[1] && (fences[1] ?? 0) < (fences[2] ?? 0), fences.join());
});

test('lock --json says name and fence, and gives the lock back when it is interrupted', { timeout }, async () => {
  await using holder = conclave(['lock', 'json', '--json', ...endpoints]);
  const said = JSON.parse(await holder.line(/^\{/, patienceMs)) as { readonly name: string; readonly fence: number };
  assert.deepEqual([Object.keys(said), said.name], [['name', 'fence'], 'json']);
  await using waiting = conclave(['lock', 'json', '--wait-ms', '50', ...endpoints]);
  assert.equal((await waiting.ended(patienceMs)).code, 1, 'it is held');
  holder.signal('SIGINT');
  assert.equal((await holder.ended(patienceMs)).code, 0);
  const exit = await runConclave(['lock', 'json', '--wait-ms', '20000', ...endpoints, '--', 'sh', '-c', 'exit 7']);
  assert.equal(exit.code, 7, "the command's own exit code, at once: the lock was given back");
});

test('what a command under a lock leaves running ends with it', { timeout }, async () => {
  const source = `import { spawn } from 'node:child_process';
    const { pid } = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    console.log(pid);
    process.exit(0);`;
  await using holder = conclave(['lock', 'left', ...endpoints, '--', ...script(source)]);
  const left = Number(await holder.line(/^\d+$/, patienceMs));
  assert.equal((await holder.ended(patienceMs)).code, 0);
  await waitFor(
    () => !runs(left),
    patienceMs,
    () => `${left} runs on without the lock`,
  );
});

test('exit codes: a negative answer 1, usage 2, unavailable 3, refused by a limit 5; each message names what and why', {
  timeout,
}, async () => {
  const member = cluster.commandOf(1);
  const busy = member.map((part) => (part === cluster.directoryOf(1) ? file('new') : part));
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['get', 'nothing', ...endpoints], 1, /no key nothing/],
    [['put', 'greeting', 'x', '--if-revision', '999999', ...endpoints], 1, /greeting was not written/],
    [['put', 'a', 'b', '--wrong'], 2, /--wrong/],
    [['put', 'a', ...endpoints], 2, /1 arguments where 2 belong: KEY VALUE/],
    [['get', 'a', '--timeout-ms', '0'], 2, /--timeout-ms "0": a whole number from 1 to 3600000/],
    [['get', 'a', '--endpoints', 'here'], 2, /endpoint "here"/],
    [['lock', 'a', '--ttl-ms', '999'], 2, /--ttl-ms "999": a whole number from 1000 to 300000/],
    [['watch', 'a', '--from', '0'], 2, /--from "0": a whole number from 1/],
    [['server', '--id', '1'], 2, /--data is missing|--cluster is missing/],
    [['fly'], 2, /no command "fly"/],
    [['get', 'a', '--endpoints', 'ws://127.0.0.1:1', '--timeout-ms', '500'], 3, /no member answered/],
    [['put', 'k'.repeat(5_000), 'v', ...endpoints], 5, /key.*5000.*4096/],
    [member, 3, new RegExp(`${cluster.directoryOf(1)}.*Another process has it open`, 's')],
    [busy, 3, /EADDRINUSE: address already in use 127\.0\.0\.1:\d+: is another member running there/],
  ];
  for (const [args, expected, message] of cases) {
    const { code, stderr } = await runConclave(args);
    assert.equal(code, expected, `${args.slice(0, 3).join(' ')}: ${stderr}`);
    assert.match(stderr, message);
  }
});

test('a value over the limit is refused with exit code 5, and the message names the size and the limit', {
  timeout,
}, async () => {
  const size = 1_048_577;
  const put = [process.execPath, ...conclaveArguments(['put', 'large', '-', ...endpoints])];
  await using child = new Child(['-c', `head -c ${size} /dev/zero | "$@"`, 'sh', ...put], { program: 'sh' });
  assert.equal((await child.ended(patienceMs)).code, 5, child.output());
  assert.match(printed(child, 'stderr'), /value.*1048577.*1048576/);
  assert.equal(await client.get('large'), null);
});

test("a member does not start on another member's directory, and says whose it is", { timeout }, async () => {
  const [follower = 0, other = 0] = await cluster.followers();
  await cluster.kill(follower);
  const wrong = cluster
    .commandOf(other)
    .map((part) => (part === cluster.directoryOf(other) ? cluster.directoryOf(follower) : part));
  const { code, stderr } = await runConclave(wrong);
  assert.equal(code, 3, stderr);
  assert.match(stderr, new RegExp(`${cluster.directoryOf(follower)}.*member ${follower}\\b`, 's'));
  cluster.run(follower);
  await cluster.ready(follower);
});

test('a refused directory is explained once, not twice', { timeout }, async () => {
  const { stderr } = await runConclave(cluster.commandOf(1));
  assert.equal(stderr.split('Another process has it open').length, 2, stderr);
});

test('when nobody can confirm a hold, its command gets TERM, then KILL, with all that it started; a write is not answered as done', {
  timeout,
}, async () => {
  const source = `import { spawn } from 'node:child_process';
      import { appendFileSync } from 'node:fs';
      const grandchild = spawn(process.execPath, ['--eval', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)']);
      process.on('SIGTERM', () => appendFileSync(${JSON.stringify(file('term'))}, 'TERM'));
      appendFileSync(${JSON.stringify(file('pids'))}, process.pid + ' ' + grandchild.pid);
      setInterval(() => {}, 1000);`;
  await using holder = conclave(['lock', 'lost', '--ttl-ms', '3000', ...endpoints, '--', ...script(source)]);
  await waitFor(
    () => existsSync(file('pids')),
    patienceMs,
    () => holder.output(),
  );
  const pids = readFileSync(file('pids'), 'utf8').split(' ').map(Number);
  const leader = await cluster.leader();
  using _paused = cluster.pause(...(await cluster.followers()));
  const put = await runConclave([
    'put',
    'in doubt',
    'x',
    '--endpoints',
    cluster.endpoint(leader),
    '--timeout-ms',
    '1000',
  ]);
  // Unknown if it was proposed before the leader noticed that it is alone, certainly not applied (3) if it came later.
  assert.ok(put.code === 3 || put.code === 4, `${put.code}: ${put.stderr}`);
  assert.equal((await holder.ended(patienceMs)).code, 6, printed(holder, 'stderr'));
  assert.equal(readFileSync(file('term'), 'utf8'), 'TERM');
  await waitFor(
    () => pids.every((pid) => !runs(pid)),
    patienceMs,
    () => `still there: ${pids.join()}`,
  );
});
