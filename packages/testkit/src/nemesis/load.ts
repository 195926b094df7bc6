// What clients do while the nemesis is at work, with everything that they see written down; and the judgement in the end.
import { HistoryRecorder } from '../history/recorder.ts';
import { KeyClient, keyPrefix } from '../pressure/recorded-keys.ts';
import { LockContender } from '../pressure/recorded-locks.ts';
import { dumpTruth, RecordedWatch } from '../pressure/recorded-watch.ts';
import { patienceMs, type TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { Counter } from './counter.ts';

const shortTimeoutMs = 700;
const longTimeoutMs = 20_000;
/** Between two calls of a client, on average: five minutes make some hundred thousand records. */
const pauseMs = 15;
const lockTtlMs = 2_500;
const locks = ['a', 'b'];
const contendersOfALock = 2;

/** A key is used for so long: then its history is short enough to be decided, whatever stayed unknown in it. */
const keyLifeMs = 4_000;
const keysAtATime = 6;

export class Load implements AsyncDisposable {
  readonly recorder: HistoryRecorder;
  readonly counters: Counter[] = [];
  readonly #stopping = new AbortController();
  readonly #keys: KeyClient[] = [];
  readonly #contenders: LockContender[] = [];
  readonly #watches: RecordedWatch[] = [];
  #loops: Promise<unknown> = Promise.resolve();

  private constructor(recorder: HistoryRecorder) {
    this.recorder = recorder;
  }

  /**
   * Through each member two clients of keys, one that gives up early and one that does not, a counter and a watch; and two contenders for
   * each lock. They begin at that member, and go to others when they must. The history is written to `path` as it happens.
   */
  static async start(cluster: TestCluster, path: string): Promise<Load> {
    const load = new Load(new HistoryRecorder({ path }));
    try {
      await load.#connect(cluster);
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
    const { signal } = load.#stopping;
    const users = [...load.#keys, ...load.#contenders, ...load.counters];
    load.#loops = Promise.all(users.map(async (one) => one.run(signal)));
    load.#loops.catch(() => {});
    return load;
  }

  /** Everybody is served: each client of keys and each counter has written, each lock was held, and each watch has come this far. */
  async served(cluster: TestCluster): Promise<void> {
    const { counters } = this;
    const written = this.#keys.map(({ acknowledged }) => acknowledged);
    const counted = counters.map(({ acknowledged }) => acknowledged);
    const held = this.#contenders.map(({ holds }) => holds);
    const reached = Math.max(...this.#watches.map((watch) => watch.reached));
    const missing = (): string[] => [
      ...this.#keys.flatMap(({ acknowledged, name }, at) => (acknowledged > (written[at] ?? 0) ? [] : [name])),
      ...counters.flatMap(({ acknowledged, name }, at) => (acknowledged > (counted[at] ?? 0) ? [] : [name])),
      ...this.#contenders.flatMap(({ holds, name }, at) => (holds > (held[at] ?? 0) ? [] : [name])),
      ...this.#watches.flatMap((watch) => (watch.reached > reached ? [] : [watch.name])),
    ];
    await Promise.race([
      waitFor(
        () => missing().length === 0,
        patienceMs,
        () => `all is well again, and yet nothing comes for ${missing().join(', ')}\n${cluster.output()}`,
      ),
      this.#loops.then(() => Promise.reject(new Error('the load has ended by itself'))),
    ]);
  }

  /** Ends it, and takes the whole history from every member. */
  async end(cluster: TestCluster): Promise<void> {
    this.#stopping.abort();
    await this.#loops;
    const [first] = this.#keys;
    const revision = (await first?.mark(`${keyPrefix}end`, longTimeoutMs)) ?? 0;
    for (const watch of this.#watches.splice(0)) await watch.end(revision);
    for (const counter of this.counters) await counter.count();
    for (const id of cluster.ids) {
      await dumpTruth(this.recorder, `member ${id}`, cluster.endpoint(id), keyPrefix, revision);
    }
    this.recorder.close();
    await this.#close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#close();
    await this.#loops.catch(() => {});
    this.recorder.close();
  }

  async #close(): Promise<void> {
    const users = [
      ...this.#keys.splice(0),
      ...this.counters,
      ...this.#contenders.splice(0),
      ...this.#watches.splice(0),
    ];
    await Promise.allSettled(users.map(async (one) => one.close()));
  }

  async #connect(cluster: TestCluster): Promise<void> {
    const { recorder } = this;
    const doors = cluster.ids.map((id) => cluster.urlsOf(id)[0]);
    const beganMs = performance.now();
    const keys = (): string[] => {
      const life = Math.floor((performance.now() - beganMs) / keyLifeMs);
      return Array.from({ length: keysAtATime }, (_, at) => `${keyPrefix}${life}/${at}`);
    };
    for (const [at, id] of cluster.ids.entries()) {
      const endpoints = [...doors.slice(at), ...doors.slice(0, at)];
      const hasty = { name: `c${id}-session`, identity: 'session', timeoutMs: shortTimeoutMs } as const;
      const patient = { name: `c${id}-key`, identity: 'idempotency-key', timeoutMs: longTimeoutMs } as const;
      for (const kind of [hasty, patient]) {
        this.#keys.push(await KeyClient.connect(recorder, { ...kind, endpoints, keys, pauseMs }));
      }
      this.counters.push(await Counter.connect(`n${id}`, endpoints, longTimeoutMs, pauseMs));
      this.#watches.push(await RecordedWatch.start(recorder, `w${id}`, keyPrefix, endpoints));
    }
    for (const lock of locks) {
      for (let at = 0; at < contendersOfALock; at++) {
        const turn = this.#contenders.length % doors.length;
        const endpoints = [...doors.slice(turn), ...doors.slice(0, turn)];
        const options = { name: `${lock}${at + 1}`, endpoints, lock, ttlMs: lockTtlMs, pauseMs };
        this.#contenders.push(await LockContender.connect(recorder, options));
      }
    }
  }
}
