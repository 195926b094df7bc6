import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '@conclave/client';
import type { Child } from '../processes/child.ts';
import { guard, release } from '../processes/guardian.ts';
import { runs } from '../processes/runs.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { waitFor } from '../processes/wait-for.ts';
import { conclave, printed } from './conclave-program.ts';

const patienceMs = 30_000;

/** `conclave dev --json`, ready, with its members: each of them leads a process group of its own. */
class Dev implements AsyncDisposable {
  readonly #child: Child;
  readonly endpoints: readonly string[];
  readonly members: ReadonlyMap<number, number>;

  private constructor(child: Child, endpoints: readonly string[], members: ReadonlyMap<number, number>) {
    this.#child = child;
    this.endpoints = endpoints;
    this.members = members;
  }

  static async start(data: string): Promise<Dev> {
    const child = conclave([
      'dev',
      '--json',
      '--port',
      '0',
      '--data',
      data,
      '--heartbeat-ms',
      '50',
      '--election-ms',
      '500',
    ]);
    try {
      const line = await child.line(/"event"/, patienceMs);
      const { endpoints, event } = JSON.parse(line) as { readonly event: string; readonly endpoints: string[] };
      assert.equal(event, 'ready');
      assert.equal(endpoints.length, 3);
      await using client = await connect({ endpoints });
      // The others may not have heard of one another yet.
      const pids = await waitFor(
        async () => {
          const { members } = await client.status();
          const known = members.flatMap(({ id, pid }) => (pid === null ? [] : [[id, pid] as const]));
          return known.length === 3 ? known : null;
        },
        patienceMs,
        () => 'not every member has told its pid',
      );
      for (const [, pid] of pids) guard(pid);
      return new Dev(child, endpoints, new Map(pids));
    } catch (error) {
      await child.kill();
      throw error;
    }
  }

  get child(): Child {
    return this.#child;
  }

  /** Nothing of it runs any more. */
  async isGone(): Promise<void> {
    await waitFor(
      () => [this.#child.pid, ...this.members.values()].every((pid) => !runs(pid)),
      patienceMs,
      () => `still there: ${[...this.members.values()].filter((pid) => runs(pid)).join(', ')}\n${this.#child.output()}`,
    );
    for (const pid of this.members.values()) release(pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.kill();
    for (const pid of this.members.values()) {
      if (runs(pid)) process.kill(-pid, 'SIGKILL');
    }
    await this.isGone();
  }
}

test('conclave dev says in one line that it is ready, finds its data at the next start, prints what brings a dead member back, and leaves no process behind however it ends', {
  timeout: 120_000,
}, async () => {
  using parent = temporaryDirectory();
  const directory = { path: join(parent.path, 'with a space') };
  {
    await using dev = await Dev.start(directory.path);
    await using client = await connect({ endpoints: dev.endpoints });
    await client.put('greeting', 'hello');
    dev.child.signal('SIGTERM');
    assert.deepEqual(await dev.child.ended(patienceMs), { code: 0, signal: null });
    await dev.isGone();
    assert.equal(printed(dev.child, 'stdout').split('\n').length, 1);
  }
  {
    await using dev = await Dev.start(directory.path);
    await using client = await connect({ endpoints: dev.endpoints });
    assert.equal((await client.get('greeting'))?.text(), 'hello');
    await client.close();
    dev.child.signal('SIGINT');
    assert.deepEqual(await dev.child.ended(patienceMs), { code: 0, signal: null });
    await dev.isGone();
  }
  await using dev = await Dev.start(directory.path);
  assert.deepEqual(readdirSync(directory.path).toSorted(), ['member-1', 'member-2', 'member-3']);
  await theCommandPrintedForADeadMemberBringsItBack(dev);
  await dev.child.kill();
  await dev.isGone();
});

async function theCommandPrintedForADeadMemberBringsItBack(dev: Dev): Promise<void> {
  await using client = await connect({ endpoints: dev.endpoints });
  const { leader } = await client.status();
  assert.ok(leader !== null);
  process.kill(dev.members.get(leader) ?? 0, 'SIGKILL');
  const command = await dev.child.line(/^ {2}npx conclave server /, patienceMs);
  const words = command.match(/"[^"]*"|\S+/g)?.map((word) => word.replaceAll('"', '')) ?? [];
  await using again = conclave(words.slice(2));
  await client.put('while', 'it comes back');
  const { commit } = await waitFor(
    async () => {
      const { members } = await client.status();
      return members.find(({ id, pid }) => id === leader && pid === again.pid);
    },
    patienceMs,
    () => `member ${leader} did not come back\n${again.output()}`,
  );
  assert.notEqual(commit, null);
  await using pinned = await connect({ endpoints: [dev.endpoints[leader - 1] ?? ''] });
  assert.equal((await pinned.get('while'))?.text(), 'it comes back');
}
