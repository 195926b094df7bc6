import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Client, connect } from '@conclave/client';
import type { Child } from '../processes/child.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { Contest } from '../workers/contest.ts';
import { Workload } from './workload.ts';

const timeout = 120_000;
const ttlMs = 2_000;
const hourMs = 3_600_000;
const writes = 100;

const shim = pathToFileURL(join(import.meta.dirname, '../../bin/wall-clock.mjs')).href;

/** The wall clock of some processes, which somebody sets. */
class WallClock {
  readonly #file: string;
  readonly env: Readonly<Record<string, string>>;

  constructor(directory: string, name: string) {
    this.#file = join(directory, name);
    writeFileSync(this.#file, '0');
    this.env = { CONCLAVE_TEST_WALL_CLOCK: this.#file, NODE_OPTIONS: `--import ${shim}` };
  }

  async set(aheadMs: number, ...processes: readonly Child[]): Promise<void> {
    writeFileSync(this.#file, `${aheadMs}`);
    for (const one of processes) one.signal('SIGUSR2');
    for (const one of processes) await one.line(new RegExp(`^wall clock ahead by ${aheadMs}$`), patienceMs);
  }
}

test('the time of members and clients set forward and back by hours costs nobody his lock, and nobody holds it longer for it', {
  timeout,
}, async () => {
  using directory = temporaryDirectory();
  const [members, clients] = ['members', 'clients'].map((name) => new WallClock(directory.path, name)) as [
    WallClock,
    WallClock,
  ];
  await using cluster = await TestCluster.start({ env: members.env });
  await using load = await Workload.start(cluster);
  await using contest = await Contest.start(cluster, { kind: 'lock', subject: 'job', ttlMs });
  await using client = await connect({ endpoints: cluster.endpoints });
  const first = contest.start('first', { env: clients.env });
  const fence = await first.using();
  const second = contest.start('second', { env: clients.env });
  await contest.waiting(1);
  const everyMember = cluster.ids.map((id) => cluster.member(id));
  const leader = cluster.member(await cluster.leader());
  for (const [memberMs, clientMs] of [
    [hourMs, -hourMs],
    [-hourMs, hourMs],
  ] as const) {
    await members.set(memberMs, ...everyMember);
    await clients.set(clientMs, first.child, second.child);
    // And one of them sets its own once more: they disagree.
    await members.set(3 * memberMs, leader);
    await longerThanTtl(client);
    await load.writes(writes);
    assert.deepEqual([first.holds, first.held, second.held], [true, [fence], []]);
  }
  await first.kill();
  assert.ok((await second.using()) > fence);
  await contest.judge();
  await load.judge();
});

/** When a lease that was granted now, and that nobody keeps alive, has ended. */
async function longerThanTtl(client: Client): Promise<void> {
  const { lease } = await client.perform({ type: 'leaseGrant', ttlMs });
  await client.put('unattended', '', { lease });
  await waitFor(
    async () => (await client.get('unattended')) === null,
    patienceMs,
    () => 'a lease that nobody keeps alive goes on',
  );
}
