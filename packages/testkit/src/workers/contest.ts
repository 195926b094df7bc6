// Workers that contend for one lock or one leadership, each a process, and the process that the fences protect; and the judgement of what all of
// them saw.
import { join } from 'node:path';
import { connect } from '@conclave/client';
import { assertHistory } from '../history/checkers.ts';
import { readHistory } from '../history/reader.ts';
import type { HistoryRecord, OperationRecord } from '../history/record.ts';
import { HistoryRecorder, monotonicNs } from '../history/recorder.ts';
import { dumpTruth } from '../pressure/recorded-watch.ts';
import { Child, type ChildOptions } from '../processes/child.ts';
import type { Direction, Weather } from '../processes/proxy.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../processes/temporary-directory.ts';
import { patienceMs, type TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { checkGuardedWrites } from './guarded-writes.ts';
import { guardedKey, type WorkerPlan } from './plan.ts';

export interface ContestOptions {
  readonly kind: WorkerPlan['kind'];
  readonly subject: string;
  readonly ttlMs: number;
  readonly lockDelayMs?: number;
}

export interface WorkerOptions {
  /** The cluster's, if absent. */
  readonly endpoints?: readonly string[];
  /** It never gives back by itself, if absent. */
  readonly usesOfAHold?: number;
  readonly env?: ChildOptions['env'];
}

export class Worker implements AsyncDisposable {
  readonly name: string;
  readonly child: Child;
  readonly history: string;
  /** When it was killed. */
  killedNs: number | null = null;

  constructor(plan: WorkerPlan, env: ChildOptions['env'] = {}) {
    this.name = plan.name;
    this.history = plan.history;
    const program = join(import.meta.dirname, 'worker.process.ts');
    this.child = new Child([...process.execArgv, program, JSON.stringify(plan)], { env });
  }

  /** Of everything that it has held, in order. */
  get held(): readonly number[] {
    return this.#numbers(/^holds (\d+)$/);
  }

  /** Holds that it was told to be gone. */
  get lost(): readonly number[] {
    return this.#numbers(/^lost (\d+)$/);
  }

  get gaveBack(): readonly number[] {
    return this.#numbers(/^gave back (\d+)$/);
  }

  /** It holds, as far as it knows. */
  get holds(): boolean {
    return this.held.length > this.lost.length + this.gaveBack.length;
  }

  /** And has used what is protected, under its present fence. */
  get hasUsed(): boolean {
    return this.holds && this.#numbers(/^used (\d+)$/).at(-1) === this.held.at(-1);
  }

  /** Its fence, once it has used what the lock protects under one that is larger than `than`: from then on no smaller one is accepted. */
  async using(than = 0): Promise<number> {
    return this.#until(() => this.#numbers(/^used (\d+)$/).find((fence) => fence > than));
  }

  /** It was told that what it held under this fence is gone. */
  async losing(fence: number): Promise<void> {
    await this.child.line(new RegExp(`^lost ${fence}$`), patienceMs);
  }

  /** What became of the use that it tried after it had lost what it held under this fence. */
  async late(fence: number): Promise<string> {
    const line = await this.child.line(new RegExp(`^late ${fence} `), patienceMs);
    return line.split(' ')[2] ?? '';
  }

  async kill(): Promise<void> {
    await this.child.kill();
    this.killedNs = monotonicNs();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }

  #numbers(pattern: RegExp): number[] {
    return this.child.lines.flatMap(({ text }) => pattern.exec(text)?.[1] ?? []).map(Number);
  }

  async #until<T>(condition: () => T | undefined): Promise<NonNullable<T>> {
    const found = await waitFor(condition, patienceMs, () => `${this.name}:\n${this.child.output()}`);
    return found as NonNullable<T>;
  }
}

export class Contest implements AsyncDisposable {
  readonly #cluster: TestCluster;
  readonly #options: ContestOptions;
  readonly #directory: TemporaryDirectory;
  readonly #resource: Child;
  #resourceUrl = '';
  readonly #workers: Worker[] = [];

  private constructor(cluster: TestCluster, options: ContestOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#directory = temporaryDirectory();
    this.#resource = new Child([...process.execArgv, join(import.meta.dirname, 'fenced-resource.process.ts')]);
  }

  static async start(cluster: TestCluster, options: ContestOptions): Promise<Contest> {
    const contest = new Contest(cluster, options);
    try {
      const line = await contest.#resource.line(/^listening on \d+$/, patienceMs);
      contest.#resourceUrl = `http://127.0.0.1:${/\d+$/.exec(line)?.[0]}`;
      return contest;
    } catch (error) {
      await contest[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** All that were ever started. */
  get workers(): readonly Worker[] {
    return this.#workers;
  }

  start(
    name: string,
    {
      endpoints = this.#cluster.ids.map((id) => this.#cluster.urlsOf(id)[0]),
      env,
      usesOfAHold = 0,
    }: WorkerOptions = {},
  ): Worker {
    const { lockDelayMs = 0, ...options } = this.#options;
    const history = join(this.#directory.path, `${name}.jsonl`);
    const resourceUrl = this.#resourceUrl;
    const worker = new Worker({ ...options, lockDelayMs, name, endpoints, history, resourceUrl, usesOfAHold }, env);
    this.#workers.push(worker);
    return worker;
  }

  /** Of the connections of one worker to all members, on a cluster whose clients are proxied; until `heal`. */
  cut({ name }: Worker, ...directions: readonly Direction[]): void {
    const weather = (direction: Direction): Weather => ({ cut: directions.includes(direction) });
    for (const door of this.#cluster.doors.values()) {
      door.setFor(name, { forward: weather('forward'), backward: weather('backward') });
    }
  }

  heal(): void {
    for (const door of this.#cluster.doors.values()) door.heal();
  }

  /** Who stands behind those that hold or wait already. */
  async waiting(count: number): Promise<void> {
    await using client = await connect({ endpoints: this.#cluster.endpoints });
    const { kind, subject } = this.#options;
    const name = { kind, name: new TextEncoder().encode(subject) };
    await waitFor(
      async () => (await client.perform({ type: 'lock', name })).lock.queue.length === count,
      patienceMs,
      () => this.#workers.map((one) => `${one.name}:\n${one.child.output()}`).join('\n'),
    );
  }

  /**
   * Ends the workers and judges what all of them saw. `stopped`: fences of holds whose worker was stopped for so long that nobody could tell it in
   * time.
   */
  async judge(stopped: readonly number[] = []): Promise<readonly HistoryRecord[]> {
    const endedNs = monotonicNs();
    for (const worker of this.#workers) {
      worker.child.resume();
      if (worker.child.end === undefined) await worker.child.kill();
      worker.killedNs ??= endedNs;
    }
    const records = this.#workers.flatMap((worker) =>
      withEnds(readHistory(worker.history), worker.killedNs ?? endedNs),
    );
    // What the guarded key says is judged apart: of a process that was killed not every write was recorded.
    const judged = records.filter(({ op }) => op !== 'put');
    const stoppedClients = records.flatMap((record) =>
      record.op === 'acquire' && record.status === 'ok' && stopped.includes(record.out.token) ? [record.client] : [],
    );
    assertHistory(judged, { stoppedClients: new Set(stoppedClients) });
    await this.#judgeWrites(records);
    return records;
  }

  async #judgeWrites(records: readonly HistoryRecord[]): Promise<void> {
    const { endpoints } = this.#cluster;
    const key = guardedKey(this.#options.subject);
    await using client = await connect({ endpoints });
    const { revision } = await client.put(`${key}/end`, '');
    const truth = new HistoryRecorder();
    await dumpTruth(truth, 'a member', endpoints[0] ?? '', key, revision);
    checkGuardedWrites(
      records.filter((record): record is OperationRecord<'put'> => record.op === 'put'),
      truth.records.filter((record) => record.op === 'event' && record.key === key),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const parts = [...this.#workers.map(({ child }) => child), this.#resource];
    await Promise.allSettled(parts.map(async (one) => one[Symbol.asyncDispose]()));
    this.#directory[Symbol.dispose]();
  }
}

/**
 * What the harness knows of a worker beside what it wrote itself: when it was killed, and from when on the lease of what it did not give back may have
 * ended: the last time that it was confirmed, plus the ttl.
 */
function withEnds(records: readonly HistoryRecord[], killedNs: number): HistoryRecord[] {
  const ends: HistoryRecord[] = [];
  for (const record of records) {
    if (record.op !== 'acquire' || record.status !== 'ok') continue;
    const { owner, ttl_ns = 0 } = record.in;
    const { token } = record.out;
    const isReleased = records.some((one) => one.op === 'release' && one.in.token === token && one.status === 'ok');
    if (isReleased) continue;
    const renewals = records.filter((one) => one.op === 'renew' && one.in.owner === owner);
    const last = Math.max(record.call_ns, ...renewals.map((one) => ('call_ns' in one ? one.call_ns : 0)));
    ends.push({ op: 'lapse', key: record.key, in: { owner, token }, call_ns: last + ttl_ns, status: 'unknown' });
  }
  const clients = new Set(records.flatMap((record) => ('client' in record ? (record.client ?? []) : [])));
  return [...records, ...ends, ...[...clients].map((client) => ({ op: 'crash', client, call_ns: killedNs }) as const)];
}
