// A whole load with everything that is recorded of it: keys and a watch through every member, a contended lock, and the truth at the end.
import { connect } from '@conclave/client';
import { assertHistory } from '../history/checkers.ts';
import { HistoryRecorder } from '../history/recorder.ts';
import { Proxy } from '../processes/proxy.ts';
import { patienceMs, type TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { KeyClient, keyPrefix } from './recorded-keys.ts';
import { LockContender } from './recorded-locks.ts';
import { dumpTruth, RecordedWatch } from './recorded-watch.ts';

const shortTimeoutMs = 700;
const longTimeoutMs = 20_000;
const identities = ['session', 'idempotency-key'] as const;

export class Workload implements AsyncDisposable {
  readonly recorder: HistoryRecorder = new HistoryRecorder();
  readonly #cluster: TestCluster;
  readonly #stopping = new AbortController();
  readonly #keys: KeyClient[] = [];
  readonly #locks: LockContender[] = [];
  readonly #watches: RecordedWatch[] = [];
  /** By member: what its clients reach it through. */
  readonly #doors = new Map<number, Proxy>();
  /** Clients whose writes are stranded. */
  readonly #stranded: KeyClient[] = [];
  #loops: Promise<unknown> = Promise.resolve();

  private constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  /** For each member two clients, one that gives up early and one that does not, and a watch; and two contenders for a lock. */
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
    const holds = this.#locks.map((contender) => contender.holds + 1);
    await this.writes(writes);
    await this.#until(
      () => this.#locks.every((contender, at) => contender.holds >= (holds[at] ?? 0)),
      () => `${this.#locks.map((contender) => contender.holds).join(' and ')} holds, not ${holds.join(' and ')}`,
    );
  }

  /** So many more writes are acknowledged. */
  async writes(writes: number): Promise<void> {
    const target = this.acknowledged + writes;
    await this.#until(
      () => this.acknowledged >= target,
      () => `${this.acknowledged} of ${target} writes`,
    );
  }

  /**
   * Prepares the death of a member in its most telling moment: its clients hear nothing more of it, and each kind of identity has a write
   * under way that was applied. So when it dies they must be sent again without a second effect, and the watch there lacks everything
   * that happens until then. Answers what to wait for once it is dead: those writes, acknowledged.
   */
  async strand(id: number): Promise<{ readonly acknowledged: () => Promise<void> }> {
    const door = this.#door(id);
    const clients = await Promise.all(
      identities.map(async (identity) => this.#keyClient(id, `stranded-${id}-${identity}`, identity, longTimeoutMs)),
    );
    this.#stranded.push(...clients);
    // The session of the one is there before its answers are not.
    for (const client of clients) await client.mark(`${keyPrefix}before`, longTimeoutMs);
    door.cut('backward');
    const keys = identities.map((identity) => `${keyPrefix}stranded/${id}/${identity}`);
    const writes = Promise.all(clients.map(async (client, at) => client.mark(keys[at] ?? '', longTimeoutMs)));
    writes.catch(() => {});
    const other = this.#cluster.ids.find((one) => one !== id) ?? id;
    await using reader = await connect({ endpoints: [this.#cluster.endpoint(other)] });
    for (const key of keys) {
      await waitFor(
        async () => (await reader.get(key)) !== null,
        patienceMs,
        () => `${key} was not applied`,
      );
    }
    return {
      acknowledged: async () => {
        // As the address of a process that is dead: what was held back is lost.
        door.drop({ refuse: true });
        await writes;
        door.heal();
      },
    };
  }

  /** The client of this member that gives up early has ended so many more puts, however they ended. */
  async putsEnded(id: number, puts: number): Promise<void> {
    const client = this.#keys.find(({ name }) => name === `c${id}-session`);
    const target = (client?.putsEnded ?? 0) + puts;
    await waitFor(
      () => (client?.putsEnded ?? 0) >= target,
      patienceMs,
      () => `${client?.putsEnded} of ${target} puts through member ${id} have ended`,
    );
  }

  /** Ends the load, takes the truth from each of these members, which must run, and judges everything. */
  async judge(members: readonly number[] = this.#cluster.ids): Promise<void> {
    this.#stopping.abort();
    await this.#loops;
    const [first] = this.#keys;
    const revision = (await first?.mark(`${keyPrefix}end`, longTimeoutMs)) ?? 0;
    for (const watch of this.#watches.splice(0)) await watch.end(revision);
    for (const id of members) {
      await dumpTruth(this.recorder, `member ${id}`, this.#cluster.endpoint(id), keyPrefix, revision);
    }
    this.recorder.close();
    assertHistory(this.recorder.records);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    const users = [...this.#keys, ...this.#stranded, ...this.#locks, ...this.#watches];
    const ends = await Promise.allSettled(users.map(async (one) => one.close()));
    for (const door of this.#doors.values()) await door[Symbol.asyncDispose]();
    await this.#loops.catch(() => {});
    this.recorder.close();
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Or a loop of the load has failed. */
  async #until(condition: () => boolean, shown: () => string): Promise<void> {
    await Promise.race([
      waitFor(condition, patienceMs, () => `${shown()}\n${this.#cluster.output()}`),
      this.#loops.then(() => Promise.reject(new Error('the load has ended by itself'))),
    ]);
  }

  async #connect(): Promise<void> {
    const { ids, endpoints } = this.#cluster;
    for (const id of ids) {
      this.#doors.set(id, await Proxy.start({ targetPort: Number(new URL(this.#cluster.endpoint(id)).port) }));
      this.#keys.push(await this.#keyClient(id, `c${id}-session`, 'session', shortTimeoutMs));
      this.#keys.push(await this.#keyClient(id, `c${id}-key`, 'idempotency-key', longTimeoutMs));
      this.#watches.push(await RecordedWatch.start(this.recorder, `w${id}`, keyPrefix, [this.#endpoint(id)]));
    }
    for (const name of ['l1', 'l2']) this.#locks.push(await LockContender.connect(this.recorder, { name, endpoints }));
  }

  async #keyClient(
    id: number,
    name: string,
    identity: (typeof identities)[number],
    timeoutMs: number,
  ): Promise<KeyClient> {
    return KeyClient.connect(this.recorder, { endpoints: [this.#endpoint(id)], name, identity, timeoutMs });
  }

  #door(id: number): Proxy {
    const door = this.#doors.get(id);
    if (door === undefined) throw new Error(`there is no member ${id}`);
    return door;
  }

  #endpoint(id: number): string {
    return `ws://127.0.0.1:${this.#door(id).port}`;
  }
}
