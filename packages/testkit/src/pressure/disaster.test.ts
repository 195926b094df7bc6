// The commands of docs/disaster.md, run as they stand there: only addresses, directories and the name of the cluster are others.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Client, ConclaveError, connect, type WatchBatch } from '@conclave/client';
import type { Child } from '../processes/child.ts';
import { conclave, runConclave } from '../processes/conclave-program.ts';
import { fingerprintOf } from '../processes/fingerprint.ts';
import { stablePorts } from '../processes/stable-ports.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { root } from '../workspace/packages.ts';

const timeout = 120_000;
const times = ['--heartbeat-ms', '50', '--election-ms', '500', '--log-level', 'warn'];
const document = readFileSync(join(root, 'docs/disaster.md'), 'utf8');

/** As the document names them. */
const allEndpoints = 'ws://10.0.0.1:7400,ws://10.0.0.2:7400,ws://10.0.0.3:7400';
const oldDirectory = '/var/lib/conclave/old';

/** Where the document says `10.0.0.N`, `/var/lib/conclave` and a file. */
class Site implements AsyncDisposable {
  readonly #directory: string;
  readonly #ports: readonly number[];
  readonly #running: Child[] = [];

  private constructor(directory: string, ports: readonly number[]) {
    this.#directory = directory;
    this.#ports = ports;
  }

  static async in(directory: string): Promise<Site> {
    return new Site(directory, await stablePorts(6));
  }

  get endpoints(): string[] {
    return [1, 2, 3].map((id) => `ws://127.0.0.1:${this.#ports[id - 1]}`);
  }

  get file(): string {
    return join(this.#directory, 'orders.snapshot');
  }

  data(name: string): string {
    return join(this.#directory, name);
  }

  /** The commands of one block, as arguments of `conclave`. */
  commands(block: string, replaced: Readonly<Record<string, string>> = {}): string[][] {
    const match = new RegExp(`\`\`\`sh\\n([^\`]*)\`\`\`\\n\\n<!-- executed: ${block} -->`).exec(document);
    assert.ok(match?.[1], `docs/disaster.md has no block ${block}`);
    return match[1]
      .trim()
      .split('\n')
      .map((line) => {
        const words = line.split(' ');
        assert.deepEqual(words.slice(0, 2), ['npx', 'conclave']);
        return words.slice(2).map((word) => replaced[word] ?? this.#here(word));
      });
  }

  #here(word: string): string {
    return word
      .replaceAll(/10\.0\.0\.(\d):7400/g, (_, id: string) => `127.0.0.1:${this.#ports[Number(id) - 1]}`)
      .replaceAll(/10\.0\.0\.(\d):7500/g, (_, id: string) => `127.0.0.1:${this.#ports[Number(id) + 2]}`)
      .replace('/var/lib/conclave', this.#directory)
      .replace(/^orders\.snapshot$/, this.file)
      .replace(/^orders$/, 'test');
  }

  /** Each to its end; returns what they printed. */
  async do(block: string, replaced?: Readonly<Record<string, string>>): Promise<string[]> {
    const printed: string[] = [];
    for (const command of this.commands(block, replaced)) {
      const { code, stderr, stdout } = await runConclave(command);
      assert.equal(code, 0, `${command.join(' ')}: ${stderr}`);
      printed.push(stdout);
    }
    return printed;
  }

  start(): void {
    for (const command of this.commands('run')) this.#running.push(conclave([...command, ...times]));
  }

  output(): string {
    return this.#running.map((child) => child.output()).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.map(async (child) => child[Symbol.asyncDispose]()));
  }
}

async function status(endpoints: readonly string[]): Promise<Awaited<ReturnType<Client['status']>>> {
  await using client = await connect({ endpoints });
  return await client.status();
}

async function nextOf(batches: AsyncIterator<WatchBatch>): Promise<string[]> {
  for (;;) {
    const { done, value } = await batches.next();
    if (done === true) return ['ended'];
    if (value.type === 'snapshot') return [value.reason, ...value.entries.map(({ key }) => key)];
    if (value.type === 'events') return ['events'];
  }
}

test('a backup of a cluster that is being written to has every write that was acknowledged before, and becomes a cluster with new identities and later fences', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using site = await Site.in(cluster.directory.path);
  await using client = await cluster.connect();
  const acknowledged: string[] = [];
  const load = { isOver: false };
  const writing = (async () => {
    for (let at = 0; !load.isOver; at++) {
      await client.put(`k/${at}`, 'x'.repeat(2_000));
      acknowledged.push(`k/${at}`);
    }
  })();
  const lock = await client.lock('held');
  await waitFor(
    () => acknowledged.length > 100,
    patienceMs,
    () => 'no writes',
  );
  // Through a follower alone: what it has is not enough, it must know what the leader has acknowledged.
  const [follower = 0] = await cluster.followers();
  const before = [...acknowledged];
  await site.do('backup', { [allEndpoints]: cluster.endpoint(follower) });
  load.isOver = true;
  await writing;
  const { fence } = lock;

  const [restored = ''] = await site.do('restore');
  assert.match(restored, /~[0-9a-f]{8}, incarnation 2/);
  site.start();
  await using survivor = await connect({ endpoints: site.endpoints, timeoutMs: patienceMs });
  const found = new Set<string>();
  for await (const { key } of survivor.list({ prefix: 'k/' })) found.add(key);
  assert.deepEqual(
    before.filter((key) => !found.has(key)),
    [],
  );
  const after = await survivor.lock('held');
  assert.ok(after.fence >= fence + 2 ** 40, `${after.fence} after ${fence}`);
  const [{ members, ...is }, was] = await Promise.all([status(site.endpoints), status(cluster.endpoints)]);
  assert.equal(is.incarnation, was.incarnation + 1);
  assert.match(is.clusterId, new RegExp(`^${was.clusterId}~[0-9a-f]{8}$`));
  await waitFor(
    async () => (await status(site.endpoints)).members.every(({ role }) => role === 'leader' || role === 'follower'),
    patienceMs,
    () => site.output(),
  );
  assert.equal(members.length, 3);
});

test('two of three members are lost: what the third has acknowledged goes on in a new cluster, and its clients go on with it', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using site = await Site.in(cluster.directory.path);
  await using writer = await cluster.connect();
  await using client = await connect({ endpoints: [...cluster.endpoints, ...site.endpoints] });
  await using watch = client.watch({ prefix: 'k/' }, { initial: 'snapshot' });
  const batches = watch[Symbol.asyncIterator]();
  assert.deepEqual(await nextOf(batches), ['initial']);
  await using strict = client.watch({ prefix: 'k/' }, { onCompacted: 'throw' });
  const session = await client.session({ ttlMs: 10_000 });
  const leader = await cluster.leader();
  const old = cluster.directoryOf(leader);
  const running = await runConclave(['data', 'export', old, site.file]);
  assert.equal(running.code, 3);
  assert.match(running.stderr, /in use/);
  assert.ok(!existsSync(site.file));
  // Of three, two could acknowledge what the third has not on its disk yet: with one of them gone the third has a part in everything.
  const gone = cluster.ids.find((id) => id !== leader) ?? leader;
  await cluster.kill(gone);
  const last = 20;
  for (let at = 1; at <= last; at++) await writer.put(`k/${at}`, `${at}`);
  await cluster.kill(...cluster.ids.filter((id) => id !== gone));
  for (const id of cluster.ids) if (id !== leader) rmSync(cluster.directoryOf(id), { recursive: true });

  const untouched = fingerprintOf(old);
  const [verified = ''] = await site.do('verify', { [oldDirectory]: old });
  const { whole } = JSON.parse(verified) as { readonly whole: boolean };
  assert.ok(whole, verified);
  await site.do('export', { [oldDirectory]: old });
  assert.deepEqual(fingerprintOf(old), untouched, 'nothing in the directory is changed');
  await site.do('restore');
  site.start();

  const found = await client.get(`k/${last}`, { timeoutMs: patienceMs });
  assert.equal(Buffer.from(found?.value ?? []).toString(), `${last}`, 'the last acknowledged write is there');
  let restored = await nextOf(batches);
  while (restored[0] === 'events') restored = await nextOf(batches);
  assert.equal(restored[0], 'restored');
  assert.equal(restored.length, 1 + last);
  await assert.rejects(
    async () => {
      for await (const _ of strict) continue;
    },
    (error) => ConclaveError.is(error, 'COMPACTED'),
  );
  await waitFor(
    () => session.state !== 'active' && session.state !== 'jeopardy',
    patienceMs,
    () => `the session is ${session.state}`,
  );
  await client.put('k/after', 'written by a client of the cluster before');

  // Somebody starts the member of the old cluster where the new one is: it is told apart, whatever else is the same.
  const own = site.commands('run')[leader - 1] ?? [];
  const elsewhere = ['--listen', '127.0.0.1:0', '--listen-peer', '127.0.0.1:0'];
  const ghost = own.map((word) => (word === site.data(`new-${leader}`) ? old : word));
  await using started = conclave([...ghost, ...elsewhere, ...times]);
  await started.line(/is of cluster test-[0-9a-f]{12}, this is test-[0-9a-f]{12}~[0-9a-f]{8}/, patienceMs);
});

test('what is wrong with a file or a directory is said by name, with the exit code for it', { timeout }, async () => {
  await using cluster = await TestCluster.start({ members: 1 });
  await using site = await Site.in(cluster.directory.path);
  await using client = await cluster.connect();
  await client.put('k', 'v');
  const endpoints = ['--endpoints', cluster.endpoints.join(',')];
  const run = async (code: number, message: RegExp, ...args: readonly string[]): Promise<string> => {
    const ended = await runConclave(args);
    assert.equal(ended.code, code, `${args.join(' ')}: ${ended.stderr}`);
    assert.match(ended.stderr, message);
    return ended.stdout;
  };
  const saved = JSON.parse(await run(0, /^$/, 'snapshot', 'save', site.file, '--json', ...endpoints)) as object;
  assert.deepEqual(JSON.parse(await run(0, /^$/, 'snapshot', 'inspect', site.file, '--json')), saved);
  const where = ['--id', '1', '--cluster', 'test', '--member', '1=ws://127.0.0.1:7401,ws://127.0.0.1:7501'];
  const data = cluster.directoryOf(1);
  await run(3, /belongs to a member already/, 'snapshot', 'restore', site.file, '--data', data, ...where);
  await run(
    2,
    /more than 1, which is that of the snapshot/,
    'snapshot',
    'restore',
    site.file,
    '--data',
    site.data('x'),
    ...where,
    '--incarnation',
    '1',
  );
  await run(2, /--data is missing/, 'snapshot', 'restore', site.file, ...where);
  await run(2, /one of save, inspect, restore/, 'snapshot', 'take', site.file);
  await run(2, /verify DIR, or export DIR FILE/, 'data', 'verify');
  await run(3, /There is no directory/, 'data', 'verify', site.data('none'));
  truncateSync(site.file, readFileSync(site.file).length - 1);
  const cut = await run(1, /is no whole snapshot/, 'snapshot', 'inspect', site.file, '--json');
  assert.equal((JSON.parse(cut) as { whole: boolean }).whole, false);
  await run(3, /is no whole snapshot/, 'snapshot', 'restore', site.file, '--data', site.data('y'), ...where);
  assert.ok(!existsSync(site.data('y')), 'a file is verified before anything is made');
  await cluster.kill(1);
  await run(0, /^$/, 'data', 'verify', data);
  truncateSync(join(data, 'anchor'), 100);
  const damaged = await run(1, /The directory|anchor/, 'data', 'verify', data, '--json');
  assert.equal((JSON.parse(damaged) as { whole: boolean }).whole, false);
});

test('`conclave cluster` turns lease reads on and off for all members, and status shows what is in force', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  const run = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr, stdout } = await runConclave(args, { env: cluster.environment });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  for (const [wanted, value] of [
    ['on', true],
    ['off', false],
  ] as const) {
    const set = await run('cluster', 'set', '--lease-reads', wanted, '--json');
    assert.deepEqual(JSON.parse(set), { leaseReads: value, changed: true });
    for (const id of cluster.ids) {
      await waitFor(
        async () => (await status([cluster.endpoint(id)])).leaseReads === value,
        patienceMs,
        () => `lease reads are not ${wanted}\n${cluster.output()}`,
      );
    }
    assert.match(await run('status'), new RegExp(`lease reads ${wanted}`));
    const { clusterId, level, ...shown } = JSON.parse(await run('cluster', '--json')) as {
      readonly clusterId: string;
      readonly level: number;
    };
    assert.match(clusterId, /^test-/);
    // It rises by itself when all members have been heard.
    assert.ok(level >= 1, `${level}`);
    assert.deepEqual(shown, { incarnation: 1, leaseReads: value });
  }
  const wrong = await runConclave(['cluster', 'set', '--lease-reads', 'maybe'], { env: cluster.environment });
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /on or off/);
});
