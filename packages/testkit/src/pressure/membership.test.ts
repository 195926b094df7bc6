import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { test } from 'node:test';
import { type Client, connect } from '@conclave/client';
import { conclave, runConclave } from '../processes/conclave-program.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

const timeout = 180_000;
const writers = 3;

/** Clients that write, and one that holds a lock: none of them is to notice that the cluster changes under it. */
class Load implements AsyncDisposable {
  readonly #clients: Client[];
  readonly #stopping = new AbortController();
  readonly #written: number[] = [];
  readonly #loops: Promise<unknown>;

  static async start(cluster: TestCluster): Promise<Load> {
    const clients = Array.from({ length: writers + 1 }, async () => connect({ endpoints: cluster.endpoints }));
    return new Load(await Promise.all(clients));
  }

  private constructor(clients: Client[]) {
    this.#clients = clients;
    const [holder, ...others] = clients as [Client, ...Client[]];
    this.#loops = Promise.all([this.#hold(holder), ...others.map(async (client, at) => this.#write(client, at))]);
    this.#loops.catch(() => {});
  }

  async #write(client: Client, writer: number): Promise<void> {
    for (let at = 0; !this.#stopping.signal.aborted; at++) {
      await client.put(`w${writer}/${at}`, `${at}`);
      this.#written[writer] = at + 1;
    }
  }

  async #hold(client: Client): Promise<void> {
    const lock = await client.lock('held throughout');
    await new Promise<void>((resolve, reject) => {
      lock.signal.addEventListener('abort', () => reject(new Error('the lock was lost')));
      this.#stopping.signal.addEventListener('abort', () => resolve());
    });
    await lock.release();
  }

  get #total(): number {
    return this.#written.reduce((sum, count) => sum + count, 0);
  }

  /** Each step of a change sees writes: fifty more are acknowledged, and nobody has failed. */
  async progress(cluster: TestCluster): Promise<void> {
    const target = this.#total + 50;
    const written = waitFor(
      () => this.#total >= target,
      patienceMs,
      () => `${this.#total} of ${target} writes\n${cluster.output()}`,
    );
    await Promise.race([written, this.#loops]);
    assert.ok(this.#total >= target);
  }

  /** Nobody saw an error, and every acknowledged write is read through every one of these members. */
  async judge(endpoints: readonly string[]): Promise<void> {
    this.#stopping.abort();
    await this.#loops;
    for (const endpoint of endpoints) {
      await using client = await connect({ endpoints: [endpoint] });
      for (const [writer, written] of this.#written.entries()) {
        const found = new Set<string>();
        for await (const { key } of client.list({ prefix: `w${writer}/` })) found.add(key);
        assert.equal(found.size, written);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#loops.catch(() => {});
    await Promise.all(this.#clients.map(async (client) => client.close()));
  }
}

interface Listed {
  readonly id: number;
  readonly wanted: string;
  readonly standing: string | null;
}

async function member(cluster: TestCluster, ...args: readonly string[]): Promise<string> {
  const { code, stderr, stdout } = await runConclave(['member', ...args], { env: cluster.environment });
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}\n${cluster.output()}`);
  return stdout;
}

async function voters(cluster: TestCluster): Promise<number[]> {
  const { members } = JSON.parse(await member(cluster, 'list', '--json')) as { readonly members: readonly Listed[] };
  const isSettled = members.every(({ standing, wanted }) => standing === wanted);
  return isSettled ? members.map(({ id }) => id) : [];
}

async function settled(cluster: TestCluster, ids: readonly number[]): Promise<void> {
  await waitFor(
    async () => JSON.stringify(await voters(cluster)) === JSON.stringify(ids),
    patienceMs,
    () => `not settled\n${cluster.output()}`,
  );
}

async function grow(cluster: TestCluster): Promise<void> {
  const site = await cluster.site();
  const added = JSON.parse(await member(cluster, 'add', site.urls, '--json')) as { id: number; token: string };
  cluster.join(added.id, added.token, site);
}

async function readiness(cluster: TestCluster, id: number): Promise<string> {
  const response = await fetch(`${cluster.endpoint(id).replace('ws:', 'http:')}/readyz`);
  return `${response.status} ${await response.text()}`;
}

test('a cluster grows from one to three to five, a machine is replaced, it shrinks to three, and clients notice nothing', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start({ members: 1 });
  await using load = await Load.start(cluster);
  await load.progress(cluster);
  await grow(cluster);
  await grow(cluster);
  await settled(cluster, [1, 2, 3]);
  await load.progress(cluster);
  await grow(cluster);
  await grow(cluster);
  await settled(cluster, [1, 2, 3, 4, 5]);
  await load.progress(cluster);

  // A machine has died. Another one takes its place; its id is a new one.
  await cluster.kill(2);
  const site = await cluster.site();
  await using replacing = conclave(['member', 'replace', '2', site.urls, '--json'], { env: cluster.environment });
  const { id, token } = JSON.parse(await replacing.line(/token/, patienceMs)) as { id: number; token: string };
  assert.equal(id, 6);
  cluster.join(id, token, site);
  assert.deepEqual(await replacing.ended(patienceMs), { code: 0, signal: null }, replacing.output());
  await cluster.discard(2);
  await settled(cluster, [1, 3, 4, 5, 6]);
  await load.progress(cluster);

  // The founder goes too, whether it leads or not, and then the leader of that moment.
  await member(cluster, 'remove', '1', '--wait');
  await waitFor(
    async () => (await readiness(cluster, 1)).startsWith('503 this member was removed from the cluster'),
    patienceMs,
    () => `member 1 does not say that it was removed\n${cluster.output()}`,
  );
  await load.progress(cluster);
  await cluster.discard(1);
  const leader = await cluster.leader();
  await member(cluster, 'remove', `${leader}`, '--wait');
  await load.progress(cluster);
  const left = [3, 4, 5, 6].filter((one) => one !== leader);
  await cluster.discard(leader);
  await settled(cluster, left);
  await load.judge(left.map((one) => cluster.endpoint(one)));
});

test('a member that was removed while it was down, and one whose disk was wiped, are turned away and say why', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await settled(cluster, [1, 2, 3]);
  const [gone = 0, wiped = 0] = await cluster.followers();
  await cluster.kill(gone);
  await member(cluster, 'remove', `${gone}`, '--wait');
  cluster.run(gone);
  await cluster.member(gone).line(/this member was removed from the cluster/, patienceMs);
  assert.match(await readiness(cluster, gone), /^503 .*this member was removed from the cluster/);
  await cluster.discard(gone);

  await grow(cluster);
  await settled(
    cluster,
    [1, 2, 3, 4].filter((id) => id !== gone),
  );
  await cluster.kill(wiped);
  await rm(cluster.directoryOf(wiped), { recursive: true });
  cluster.run(wiped);
  await cluster.member(wiped).line(/was its disk wiped/, patienceMs);
});

test('a cluster whose members all have other addresses than those on record starts, and `member update` puts them on record', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await grow(cluster);
  await settled(cluster, [1, 2, 3, 4]);
  await cluster.kill(...cluster.ids);
  await cluster.move();
  for (const id of cluster.ids) cluster.run(id);
  await cluster.leader();
  for (const id of cluster.ids) {
    const [clientUrl, peerUrl] = cluster.urlsOf(id);
    await member(cluster, 'update', `${id}`, '--client-url', clientUrl, '--peer-url', peerUrl);
  }
  await settled(cluster, [1, 2, 3, 4]);
  await using client = await connect({ endpoints: cluster.endpoints });
  const { members } = await client.status();
  assert.deepEqual(
    members.map(({ clientUrl, peerUrl }) => [clientUrl, peerUrl]),
    cluster.ids.map((id) => cluster.urlsOf(id)),
  );
});

test('what a person asks wrongly of `conclave member` is refused by name, with the exit code for it', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start({ members: 1 });
  await settled(cluster, [1]);
  const refused = async (code: number, message: RegExp, ...args: readonly string[]): Promise<void> => {
    const ended = await runConclave(['member', ...args], { env: cluster.environment });
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, message);
  };
  await refused(2, /member: one of list, add/, 'kick', '1');
  await refused(2, /usage: conclave member remove ID/, 'remove');
  await refused(2, /member "x": an id/, 'remove', 'x');
  await refused(2, /CLIENT_URL,PEER_URL/, 'add', 'ws://127.0.0.1:1');
  await refused(2, /no URL of a host and a port/, 'add', 'http://h:1,ws://h:2');
  await refused(2, /member 1 is the last voter/, 'remove', '1');
  await refused(1, /there is no member 9/, 'promote', '9');
  await refused(2, /is the address of member 1/, 'add', cluster.urlsOf(1).join(','));
  const server = await runConclave(['server', '--data', `${cluster.directory.path}/none`, '--join', 'nonsense']);
  assert.equal(server.code, 2);
  assert.match(server.stderr, /join token: it is damaged/);
});
