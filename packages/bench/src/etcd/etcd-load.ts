import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Measured, Task } from '../measured.ts';
import { output } from '../running-process.ts';
import type { EtcdCluster } from './etcd-cluster.ts';

const sources = join(import.meta.dirname, '../../etcd');
const cache = join(import.meta.dirname, '../../node_modules/.cache/etcd');

/** What ebench prints, as far as it is used here. */
interface Printed {
  readonly ops_s: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly errors: number;
  readonly srv_us_op?: number;
  readonly cli_us_op?: number;
}

/** etcd's own Go client, in a closed loop as tight as that of etcd's benchmark tool. */
export class EtcdLoad {
  readonly #binary: string;

  /** Builds the generator, unless this very source was built here before. */
  static async build(): Promise<EtcdLoad> {
    const hash = createHash('sha256')
      .update(readFileSync(join(sources, 'ebench.go')))
      .digest('hex')
      .slice(0, 16);
    const binary = join(cache, `ebench-${hash}`);
    mkdirSync(cache, { recursive: true });
    if (!existsSync(binary)) {
      await output('sh', [join(sources, 'build.sh'), binary], { GOCACHE: join(cache, 'go') });
    }
    return new EtcdLoad(binary);
  }

  private constructor(binary: string) {
    this.#binary = binary;
  }

  async run(cluster: EtcdCluster, task: Task): Promise<Measured> {
    const printed = await this.#ebench(cluster, task.work, {
      conns: task.connections,
      out: task.outstanding,
      keys: task.keys,
      val: task.valueBytes,
      dur: `${task.seconds}s`,
      warm: `${task.warmupSeconds}s`,
    });
    return {
      perSecond: printed.ops_s,
      p50Ms: printed.p50_ms,
      p99Ms: printed.p99_ms,
      errors: printed.errors,
      serverMicrosPerOp: printed.srv_us_op ?? Number.NaN,
      clientMicrosPerOp: printed.cli_us_op ?? Number.NaN,
    };
  }

  /** Writes every key once. */
  async fill(cluster: EtcdCluster, keys: number, valueBytes: number): Promise<void> {
    await this.#ebench(cluster, 'fill', { conns: 8, out: 8, n: keys, val: valueBytes });
  }

  async #ebench(
    cluster: EtcdCluster,
    work: string,
    flags: Readonly<Record<string, string | number>>,
  ): Promise<Printed> {
    const all: typeof flags = { ...flags, endpoints: cluster.endpoints.join(','), pids: cluster.pids.join(',') };
    const parameters = Object.entries(all).flatMap(([name, value]) => [`-${name}`, String(value)]);
    const printed = await output(this.#binary, [work, ...parameters]);
    return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as Printed;
  }
}
