// A cluster as a newcomer starts it: `conclave dev` as a process, on free ports and a directory of its own.
import { join } from 'node:path';
import { type Client, connect } from '@conclave/client';
import { Child } from '../processes/child.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../processes/temporary-directory.ts';
import { waitFor } from '../processes/wait-for.ts';
import { root } from '../workspace/packages.ts';

/** Programs run from the packages' sources, as the tests do. */
const fromSource = ['--import', 'tsx', '--conditions=conclave-source'];

const readyTimeoutMs = 30_000;
const endTimeoutMs = 10_000;

export class DevCluster implements AsyncDisposable {
  readonly endpoints: readonly string[];
  readonly #dev: Child;
  readonly #directory: TemporaryDirectory;
  readonly #pids: ReadonlyMap<string, number>;

  private constructor(
    dev: Child,
    directory: TemporaryDirectory,
    endpoints: readonly string[],
    pids: ReadonlyMap<string, number>,
  ) {
    this.#dev = dev;
    this.#directory = directory;
    this.endpoints = endpoints;
    this.#pids = pids;
  }

  static async start(flags: readonly string[] = []): Promise<DevCluster> {
    const directory = temporaryDirectory();
    const dev = program('packages/cli/src/main.ts', [
      'dev',
      '--port',
      '0',
      '--json',
      '--data',
      directory.path,
      ...flags,
    ]);
    try {
      const { endpoints } = JSON.parse(await dev.line(/^\{"event":"ready"/, readyTimeoutMs)) as {
        endpoints: readonly string[];
      };
      const pids = new Map<string, number>();
      for (const endpoint of endpoints) pids.set(endpoint, await pidOf(endpoint));
      return new DevCluster(dev, directory, endpoints, pids);
    } catch (error) {
      await dev[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
      throw error;
    }
  }

  /** For what runs in it. */
  get environment(): Readonly<Record<string, string>> {
    return { CONCLAVE_ENDPOINTS: this.endpoints.join(',') };
  }

  async connect(): Promise<Client> {
    return connect({ endpoints: this.endpoints, author: 'test' });
  }

  /** kill -9 of the member that serves this endpoint. */
  killMember(endpoint: string): void {
    const pid = this.#pids.get(endpoint);
    if (pid === undefined) throw new Error(`${endpoint} is no endpoint of this cluster`);
    process.kill(pid, 'SIGKILL');
  }

  /** Members are in groups of their own: dev ends them, and when it is killed they end with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#dev.signal('SIGTERM');
    await this.#dev.ended(endTimeoutMs).catch(async () => this.#dev.kill());
    await waitFor(
      () => [...this.#pids.values()].every((pid) => !isAlive(pid)),
      endTimeoutMs,
      () => 'a member outlives conclave dev',
    );
    this.#directory[Symbol.dispose]();
  }
}

/** A program of this repository as a process. */
export function program(path: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
  return new Child([...fromSource, join(root, path), ...args], { cwd: root, env });
}

/** The first match of a pattern in what a process prints. */
export async function printed(child: Child, pattern: RegExp): Promise<string> {
  const line = await child.line(pattern, readyTimeoutMs);
  return pattern.exec(line)?.[1] ?? line;
}

/** Each member knows its own. */
async function pidOf(endpoint: string): Promise<number> {
  await using client = await connect({ endpoints: [endpoint] });
  const { members } = await client.status();
  const pid = members.find(({ clientUrl }) => clientUrl === endpoint)?.pid;
  if (pid === null || pid === undefined) throw new Error(`${endpoint} does not say its process id`);
  return pid;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
