import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Child } from '../processes/child.ts';
import { conclave as start } from '../processes/conclave-program.ts';
import { TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

const timeoutMs = 20_000;

let cluster: TestCluster;
before(async () => {
  cluster = await TestCluster.start();
});
after(async () => cluster[Symbol.asyncDispose]());

function conclave(...args: readonly string[]): Child {
  return start(args, { env: cluster.environment });
}

function on(child: Child, stream: 'stdout' | 'stderr'): string[] {
  return child.lines.filter((line) => line.stream === stream).map(({ text }) => text);
}

const printEnvironment = ['sh', '-c', 'echo "$CONCLAVE_ELECTION $CONCLAVE_FENCE"; exit 7'];

test('elect runs a command while it leads, with the election and the fence in its environment', async () => {
  await using child = conclave('elect', 'job', 'host-a', '--json', '--', ...printEnvironment);
  assert.equal((await child.ended(timeoutMs)).code, 7, "the child's exit code");
  const said = JSON.parse(on(child, 'stderr')[0] ?? '') as { readonly name: string; readonly fence: number };
  assert.equal(said.name, 'job');
  assert.deepEqual(on(child, 'stdout'), [`job ${said.fence}`]);
});

test('elect without a command leads until it is interrupted; the next candidate has a larger fence', async () => {
  await using first = conclave('elect', 'scheduler', 'host-a', '--json');
  const one = JSON.parse(await first.line(/^\{/, timeoutMs)) as { readonly name: string; readonly fence: number };
  assert.deepEqual(Object.keys(one), ['name', 'fence']);
  await using client = await cluster.connect();
  const election = client.election('scheduler');
  assert.deepEqual([(await election.leader())?.text(), (await election.leader())?.fence], ['host-a', one.fence]);

  await using second = conclave('elect', 'scheduler', 'host-b');
  await waitFor(
    async () => (await client.perform({ type: 'lock', name: electionName('scheduler') })).lock.queue.length === 1,
    timeoutMs,
    () => second.output(),
  );
  first.signal('SIGINT');
  assert.equal((await first.ended(timeoutMs)).code, 0);
  const line = await second.line(/^scheduler is held, fence \d+$/, timeoutMs);
  assert.ok(Number(/\d+$/.exec(line)?.[0]) > one.fence);
  assert.equal((await election.leader())?.text(), 'host-b');
  second.signal('SIGTERM');
  assert.equal((await second.ended(timeoutMs)).code, 0);
  assert.equal(await election.leader(), null);
});

test('elect that waited for long enough exits with 1, and a wrong command line with 2', async () => {
  await using client = await cluster.connect();
  await using leadership = await client.election('taken').campaign('somebody');
  await using waiting = conclave('elect', 'taken', 'host-a', '--wait-ms', '50');
  await using wrong = conclave('elect', 'taken');
  assert.equal((await waiting.ended(timeoutMs)).code, 1);
  assert.match(on(waiting, 'stderr').join(), /taken was not obtained/);
  assert.equal((await wrong.ended(timeoutMs)).code, 2);
  assert.match(on(wrong, 'stderr').join(), /elect takes a NAME and a VALUE/);
  leadership.assertHeld();
});

function electionName(name: string): { readonly kind: 'election'; readonly name: Uint8Array } {
  return { kind: 'election', name: new TextEncoder().encode(name) };
}
