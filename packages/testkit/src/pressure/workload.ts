// A whole load with everything that is recorded of it: keys through every member, a contended lock, watches, and the truth at the end.
import { assertHistory } from '../history/checkers.ts';
import { HistoryRecorder } from '../history/recorder.ts';
import { patienceMs, type TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { KeyClient, keyPrefix } from './recorded-keys.ts';
import { LockContender } from './recorded-locks.ts';
import { dumpTruth, RecordedWatch } from './recorded-watch.ts';

const shortTimeoutMs = 700;
const longTimeoutMs = 20_000;

export class Workload implements AsyncDisposable {
  readonly recorder: HistoryRecorder = new HistoryRecorder();
  readonly #cluster: TestCluster;
  readonly #stopping = new AbortController();
  readonly #keys: KeyClient[] = [];
  readonly #locks: LockContender[] = [];
  readonly #watches: RecordedWatch[] = [];
  #loops: Promise<unknown> = Promise.resolve();

  private constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  /** Two clients for each member, one that gives up early and one that does not; two contenders; two watches. */
  static async start(cluster: TestCluster): Promise<Workload> {
    const workload = new Workload(cluster);
    try {
      await workload.#connect();
    } catch (error) {
      await workload[Symbol.asyncDispose]();
      throw error;
    }
    const { signal } = workload.#stopping;
    workload.#loops = Promise.all([...workload.#keys, ...workload.#locks].map(async (one) => one.run(signal)));
    workload.#loops.catch(() => {});
    return workload;
  }

  get acknowledged(): number {
    return this.#keys.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }

  /** So many more writes are acknowledged, and each contender has held the lock once more. */
  async progress(writes: number): Promise<void> {
    const target = this.acknowledged + writes;
    const holds = this.#locks.map((contender) => contender.holds + 1);
    const isThere = (): boolean =>
      this.acknowledged >= target && this.#locks.every((contender, at) => contender.holds >= (holds[at] ?? 0));
    const shown = (): string =>
      `${this.acknowledged} of ${target} writes, ${this.#locks.map(({ holds: now }) => now).join(' and ')} holds\n${this.#cluster.output()}`;
    await Promise.race([waitFor(isThere, patienceMs, shown), this.#loops]);
  }

  /** All members must run. Ends the load, takes the truth from each of them and judges everything. */
  async judge(): Promise<void> {
    this.#stopping.abort();
    await this.#loops;
    const [first] = this.#keys;
    const revision = (await first?.mark(`${keyPrefix}end`, longTimeoutMs)) ?? 0;
    for (const watch of this.#watches.splice(0)) await watch.end(revision);
    for (const id of this.#cluster.ids) {
      await dumpTruth(this.recorder, `member ${id}`, this.#cluster.endpoint(id), keyPrefix, revision);
    }
    this.recorder.close();
    assertHistory(this.recorder.records);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await Promise.all([...this.#keys, ...this.#locks, ...this.#watches].map(async (one) => one.close()));
    await this.#loops.catch(() => {});
    this.recorder.close();
  }

  async #connect(): Promise<void> {
    const { ids, endpoints } = this.#cluster;
    for (const id of ids) {
      const first = this.#cluster.endpoint(id);
      for (const [timeoutMs, identity] of [
        [shortTimeoutMs, 'session'],
        [longTimeoutMs, 'idempotency-key'],
      ] as const) {
        const options = { endpoints: [first], name: `c${id}-${identity}`, timeoutMs, identity };
        this.#keys.push(await KeyClient.connect(this.recorder, options));
      }
    }
    for (const name of ['l1', 'l2']) this.#locks.push(await LockContender.connect(this.recorder, name, endpoints));
    for (const [at, name] of ['w1', 'w2'].entries()) {
      const endpoint = endpoints[at] ?? '';
      this.#watches.push(await RecordedWatch.start(this.recorder, name, keyPrefix, [endpoint]));
    }
  }
}
