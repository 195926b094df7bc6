// A PostgreSQL server with a database of its own, from the programs that Debian installs. The machine's own service is not touched.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Child } from './child.ts';
import { programPath } from './requires.ts';
import { stablePorts } from './stable-ports.ts';
import { type TemporaryDirectory, temporaryDirectory } from './temporary-directory.ts';

const startTimeoutMs = 30_000;
const stopTimeoutMs = 15_000;

export class PostgresServer implements AsyncDisposable {
  readonly url: string;
  readonly #child: Child;
  readonly #directory: TemporaryDirectory;

  private constructor(child: Child, directory: TemporaryDirectory, port: number) {
    this.#child = child;
    this.#directory = directory;
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  }

  /** Where `requires('postgres')` found nothing missing. */
  static async start(): Promise<PostgresServer> {
    const directory = temporaryDirectory();
    const data = join(directory.path, 'data');
    mkdirSync(data, { mode: 0o700 });
    const user = serverUser();
    if (user !== null) {
      chmodSync(directory.path, 0o711);
      chownSync(data, user.uid, user.gid);
    }
    const [port = 0] = await stablePorts(1);
    try {
      await using initdb = as(user, join(binaries(), 'initdb'), [
        `--pgdata=${data}`,
        '--username=postgres',
        '--auth=trust',
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
      ]);
      const { code } = await initdb.ended(startTimeoutMs);
      if (code !== 0) throw new Error(`initdb ended with ${code}\n${initdb.output()}`);
      const settings = { port, listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off' };
      const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      const server = new PostgresServer(
        as(user, join(binaries(), 'postgres'), ['-D', data, ...options]),
        directory,
        port,
      );
      try {
        await server.#child.line(/database system is ready to accept connections/, startTimeoutMs);
        return server;
      } catch (error) {
        await server.#child[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      directory[Symbol.dispose]();
      throw error;
    }
  }

  /** By a fast shutdown: killed, it would leave a segment of shared memory behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.signal('SIGINT');
      await this.#child.ended(stopTimeoutMs);
    } finally {
      await this.#child[Symbol.asyncDispose]();
      this.#directory[Symbol.dispose]();
    }
  }
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** The server refuses to run as root; Debian's package brings a user for it. Null: it runs as who we are. */
function serverUser(): User | null {
  if (process.getuid?.() !== 0) return null;
  const idOf = (flag: string): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: idOf('-u'), gid: idOf('-g') };
}

function as(user: User | null, program: string, args: readonly string[]): Child {
  if (user === null) return new Child(args, { program, cwd: '/' });
  const { gid, uid } = user;
  const prefix = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--', program];
  return new Child([...prefix, ...args], { program: 'setpriv', cwd: '/' });
}

function binaries(): string {
  const initdb = programPath('postgres');
  if (initdb === undefined) throw new Error('this machine has no PostgreSQL');
  return dirname(realpathSync(initdb));
}
