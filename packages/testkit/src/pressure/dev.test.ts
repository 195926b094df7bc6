import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from '@conclave/client';
import { Child } from '../processes/child.ts';
import { conclave, conclaveArguments, printed } from '../processes/conclave-program.ts';
import { requires } from '../processes/requires.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { waitFor } from '../processes/wait-for.ts';
import { root } from '../workspace/packages.ts';

const patienceMs = 30_000;
const timeout = 120_000;

/** `conclave dev --json`, ready, with its members: each of them leads a process group of its own. */
class Dev implements AsyncDisposable {
  readonly child: Child;
  readonly endpoints: readonly string[];

  private constructor(child: Child, endpoints: readonly string[]) {
    this.child = child;
    this.endpoints = endpoints;
  }

  static async start(data: string, launch: (flags: readonly string[]) => Child = launchDev): Promise<Dev> {
    const child = launch(['--json', '--port', '0', '--data', data, '--heartbeat-ms', '50', '--election-ms', '500']);
    try {
      const { endpoints, event } = JSON.parse(await child.line(/"event"/, patienceMs)) as {
        readonly event: string;
        readonly endpoints: string[];
      };
      assert.equal(event, 'ready');
      assert.equal(endpoints.length, 3);
      return new Dev(child, endpoints);
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** By member. The others may not have heard of one another yet. */
  async pids(): Promise<ReadonlyMap<number, number>> {
    await using client = await connect({ endpoints: this.endpoints });
    const pids = await waitFor(
      async () => {
        const { members } = await client.status();
        const known = members.flatMap(({ id, pid }) => (pid === null ? [] : [[id, pid] as const]));
        return known.length === 3 ? known : null;
      },
      patienceMs,
      () => 'not every member has told its pid',
    );
    return new Map(pids);
  }

  /** Nothing runs any more of all that was started. */
  async isGone(): Promise<void> {
    await waitFor(
      () => this.child.living.length === 0,
      patienceMs,
      () => `still there: ${this.child.living.join(', ')}\n${this.child.output()}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}

function launchDev(flags: readonly string[]): Child {
  return conclave(['dev', ...flags]);
}

/** The `start` script of the root as npm runs it, but for the build before it; in a folder of its own, so that only the script is tested. */
function launchNpm(folder: string): (flags: readonly string[]) => Child {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly scripts: { readonly start: string };
  };
  const program = 'node packages/cli/bin/conclave.js';
  const [, exec = ''] = scripts.start.split(' && ');
  assert.equal(exec, `exec ${program} dev`);
  const quoted = conclaveArguments([]).map((part) => `'${part}'`);
  mkdirSync(folder);
  const start = exec.replace(program, ['node', ...quoted].join(' '));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, scripts: { start } }));
  const quiet = { npm_config_update_notifier: 'false', npm_config_logs_max: '0' };
  return (flags) => new Child(['start', '--', ...flags], { program: 'npm', cwd: folder, env: quiet });
}

test('conclave dev says in one line that it is ready, finds its data at the next start, and leaves nothing running after TERM, INT and kill -9', {
  timeout,
}, async () => {
  using parent = temporaryDirectory();
  const data = join(parent.path, 'with a space');
  {
    await using dev = await Dev.start(data);
    await write(dev);
    assert.ok(dev.child.living.length > 3, 'the members are among those that are looked for');
    dev.child.signal('SIGTERM');
    assert.deepEqual(await dev.child.ended(patienceMs), { code: 0, signal: null });
    await dev.isGone();
    assert.equal(printed(dev.child, 'stdout').split('\n').length, 1);
  }
  {
    await using dev = await Dev.start(data);
    await findsWhatWasWritten(dev);
    dev.child.signal('SIGINT');
    assert.deepEqual(await dev.child.ended(patienceMs), { code: 0, signal: null });
    await dev.isGone();
  }
  await using dev = await Dev.start(data);
  await findsWhatWasWritten(dev);
  assert.deepEqual(readdirSync(data).toSorted(), ['member-1', 'member-2', 'member-3']);
  process.kill(dev.child.pid, 'SIGKILL');
  await dev.isGone();
});

test('npm start finds its data at the next start, and leaves nothing running after TERM and kill -9 of npm alone and Ctrl-C', {
  timeout,
  skip: requires('npm'),
}, async () => {
  using parent = temporaryDirectory();
  const launch = launchNpm(join(parent.path, 'workspace'));
  const data = join(parent.path, 'data');
  const endings: readonly ((dev: Dev) => void)[] = [
    (dev) => process.kill(dev.child.pid, 'SIGTERM'),
    // A terminal tells the whole group.
    (dev) => dev.child.signal('SIGINT'),
    (dev) => process.kill(dev.child.pid, 'SIGKILL'),
  ];
  for (const [at, end] of endings.entries()) {
    await using dev = await Dev.start(data, launch);
    await (at === 0 ? write(dev) : findsWhatWasWritten(dev));
    end(dev);
    await dev.isGone();
  }
});

async function write(dev: Dev): Promise<void> {
  await using client = await connect({ endpoints: dev.endpoints });
  await client.put('greeting', 'hello');
}

async function findsWhatWasWritten(dev: Dev): Promise<void> {
  await using client = await connect({ endpoints: dev.endpoints });
  assert.equal((await client.get('greeting'))?.text(), 'hello');
}

test('the command that conclave dev prints for a dead member brings it back', { timeout }, async () => {
  using parent = temporaryDirectory();
  await using dev = await Dev.start(join(parent.path, 'with a space'));
  const pids = await dev.pids();
  await using client = await connect({ endpoints: dev.endpoints });
  const { leader } = await client.status();
  assert.ok(leader !== null);
  process.kill(pids.get(leader) ?? 0, 'SIGKILL');
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
});
