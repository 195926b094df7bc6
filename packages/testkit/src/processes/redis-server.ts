// A Redis server of its own, from the program that Debian installs. The machine's own service is not touched.
import { Child } from './child.ts';
import { programPath } from './requires.ts';
import { stablePorts } from './stable-ports.ts';
import { type TemporaryDirectory, temporaryDirectory } from './temporary-directory.ts';

const startTimeoutMs = 30_000;

export class RedisServer implements AsyncDisposable {
  readonly url: string;
  readonly #port: number;
  readonly #settings: readonly string[];
  readonly #directory: TemporaryDirectory;
  #child: Child;

  private constructor(port: number, settings: readonly string[], directory: TemporaryDirectory) {
    this.#port = port;
    this.#settings = settings;
    this.#directory = directory;
    this.url = `redis://127.0.0.1:${port}`;
    this.#child = this.#run();
  }

  /** Where `requires('redis')` found nothing missing. `durable`: what it acknowledged is on the disk; otherwise it writes nothing there. */
  static async start({ durable = true }: { readonly durable?: boolean } = {}): Promise<RedisServer> {
    const [port = 0] = await stablePorts(1);
    const settings = durable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
    const server = new RedisServer(port, settings, temporaryDirectory());
    try {
      await server.#ready();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** kill -9, and the same command again. */
  async restart(): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    this.#child = this.#run();
    await this.#ready();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    this.#directory[Symbol.dispose]();
  }

  #run(): Child {
    const program = programPath('redis');
    if (program === undefined) throw new Error('this machine has no Redis');
    const place = ['--bind', '127.0.0.1', '--port', `${this.#port}`, '--dir', this.#directory.path, '--save', ''];
    // A title of its own would be written over the environment, by which what a test leaves behind is found.
    return new Child([...place, '--set-proc-title', 'no', ...this.#settings], { program });
  }

  async #ready(): Promise<void> {
    await this.#child.line(/Ready to accept connections/, startTimeoutMs);
  }
}
