import { createHash } from 'node:crypto';
import type { Configuration, MemberId } from '@conclave/core';
import { type Environment, Member, type MemberSettings } from '@conclave/member';
import { initMemoryStorage, MemoryDisk, openMemoryStorage } from '@conclave/storage/memory';

const clusterId = 'test';
const heartbeatMs = 30;
const electionMs = 150;

/** Settings of all members. */
export type TestClusterOptions = Partial<Pick<MemberSettings, 'keptLog'>>;

/** Three real members in this process, on memory disks, joined by arrays. */
export class TestCluster {
  readonly #members = new Map<number, Member>();
  readonly #storages = new Map<number, { close(): Promise<void> }>();
  readonly #urls: readonly string[];
  readonly #options: TestClusterOptions;
  readonly #disks = new Map<number, MemoryDisk>();
  /** Members that send to and hear from no other. */
  readonly #isolated = new Set<number>();
  readonly ids: readonly MemberId[];

  /** `urls`: where the members are said to serve clients, one each. */
  static async start(
    count = 3,
    urls: readonly string[] = namedUrls(count),
    options: TestClusterOptions = {},
  ): Promise<TestCluster> {
    const cluster = new TestCluster(count, urls, options);
    for (const id of cluster.ids) await cluster.restart(id);
    return cluster;
  }

  private constructor(count: number, urls: readonly string[], options: TestClusterOptions) {
    this.#options = options;
    this.#urls = urls;
    this.ids = Array.from({ length: count }, (_, at) => (at + 1) as MemberId);
    const configuration: Configuration = {
      voters: [...this.ids],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      leaseReads: false,
    };
    for (const id of this.ids) {
      const disk = new MemoryDisk();
      const storeUuid = `00000000-0000-4000-8000-00000000000${id}`;
      initMemoryStorage(disk, { clusterId, memberId: id, storeUuid, configuration });
      this.#disks.set(id, disk);
    }
  }

  get endpoints(): string[] {
    return [...this.#urls];
  }

  member(id: number): Member | undefined {
    return this.#members.get(id);
  }

  at(url: string): Member | undefined {
    return this.#members.get(this.#urls.indexOf(url) + 1);
  }

  /** Opens what is on its disk. */
  async restart(id: number): Promise<void> {
    const disk = this.#disks.get(id);
    if (disk === undefined) throw new Error(`there is no member ${id}`);
    const memberId = id as MemberId;
    const storage = await openMemoryStorage(disk, { clusterId, memberId });
    this.#storages.set(id, storage);
    let seed = id;
    const environment: Environment = {
      clock: { nowMs: () => performance.now(), wallMs: () => Date.now() },
      timers: {
        after: (delayMs, run) => {
          const timer = setTimeout(run, delayMs);
          return () => clearTimeout(timer);
        },
        soon: (run) => setImmediate(run),
      },
      prng: { next: () => (seed = (seed * 16807) % 2147483647) / 2147483647 },
      log: { info: () => {}, warn: () => {}, error: (facts, message) => console.error(message, facts) },
      transport: {
        send: (to, _lane, frame) => {
          if (this.#isolated.has(to) || this.#isolated.has(id)) return false;
          setImmediate(() => this.#members.get(to)?.receivePeer(memberId, frame));
          return true;
        },
      },
      store: storage,
      hash: (value) => createHash('sha256').update(value).digest(),
      onFatal: (error) => {
        throw error;
      },
    };
    const settings = {
      id: memberId,
      clusterId,
      members: this.ids.map((one) => ({
        id: one,
        name: `m${one}`,
        clientUrl: this.#urls[one - 1] ?? '',
        peerUrl: `ws://p${one}`,
      })),
      electionMs,
      heartbeatMs,
      pid: null,
      ...this.#options,
    };
    const member = await Member.open(settings, environment, storage.storeUuid);
    this.#members.set(id, member);
    member.start();
  }

  /** Nobody hears of it again: its clients are not told either, which the network of the test sees to. */
  async kill(id: number): Promise<void> {
    const member = this.#members.get(id);
    this.#members.delete(id);
    await member?.stop();
    await this.#storages.get(id)?.close();
    this.#storages.delete(id);
  }

  isolate(id: number): void {
    this.#isolated.add(id);
    for (const [other, member] of this.#members) if (other !== id) member.peerLost(id as MemberId);
  }

  rejoin(id: number): void {
    this.#isolated.delete(id);
  }

  get leader(): number | null {
    for (const [id, member] of this.#members) if (member.raft.role === 'leader' && !this.#isolated.has(id)) return id;
    return null;
  }

  async stop(): Promise<void> {
    for (const id of this.ids) await this.kill(id);
  }
}

function namedUrls(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `ws://m${at + 1}`);
}
