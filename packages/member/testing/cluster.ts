import { createHash } from 'node:crypto';
import { type Configuration, configurationOf, emptyConfiguration, type MemberId } from '@conclave/core';
import {
  type Commands,
  decodeHello,
  type Environment,
  Member,
  type MemberSettings,
  PeerRefusedError,
  type PeerRoute,
} from '@conclave/member';
import { initMemoryStorage, MemoryDisk, openMemoryStorage, type PendingWrite } from '@conclave/storage/memory';

const clusterId = 'test';
const heartbeatMs = 30;
const electionMs = 150;

/** Settings of all members. */
export type TestClusterOptions = Partial<Pick<MemberSettings, 'electionMs' | 'heartbeatMs' | 'keptLog'>>;

/** How often somebody knocks at a member that does not run, or did not let it in. */
const retryMs = 20;

/** What the members said in their logs, warnings and worse. */
export interface Said {
  readonly by: number;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** Real members in this process, on memory disks, joined by arrays: a link begins with hellos, as everywhere. */
export class TestCluster {
  readonly #members = new Map<number, Member>();
  readonly #storages = new Map<number, { close(): Promise<void> }>();
  readonly #urls = new Map<number, string>();
  readonly #options: TestClusterOptions;
  readonly #disks = new Map<number, MemoryDisk>();
  readonly #joinSecrets = new Map<number, Uint8Array>();
  /** Members that send to and hear from no other. */
  readonly #isolated = new Set<number>();
  /** With whom each member wants to be connected. */
  readonly #routes = new Map<number, ReadonlySet<number>>();
  /** `from>to` of links that are open, and of those that are being opened. */
  readonly #open = new Set<string>();
  readonly #opening = new Set<string>();
  readonly said: Said[] = [];
  /** Of members that run another release than this one, from their next start on. */
  readonly commands: Map<number, Commands> = new Map();
  /** By member: writes that its disk does not do. */
  readonly #stalled = new Map<number, PendingWrite[]>();
  #stores = 0;

  /** `urls`: where the members are said to serve clients, one each. */
  static async start(
    count = 3,
    urls: readonly string[] = namedUrls(count),
    options: TestClusterOptions = {},
  ): Promise<TestCluster> {
    const cluster = new TestCluster(urls, options);
    for (const id of cluster.ids) await cluster.restart(id);
    return cluster;
  }

  private constructor(urls: readonly string[], options: TestClusterOptions) {
    this.#options = options;
    const ids = urls.map((_, at) => (at + 1) as MemberId);
    const configuration = configurationOf(ids);
    for (const id of ids) this.#format(id, urls[id - 1] ?? '', configuration);
  }

  #format(id: MemberId, url: string, configuration: Configuration): void {
    const disk = new MemoryDisk({ onWrite: (write) => this.#write(id, write) });
    const storeUuid = `00000000-0000-4000-8000-${(++this.#stores).toString().padStart(12, '0')}`;
    initMemoryStorage(disk, { clusterId, memberId: id, storeUuid, configuration });
    this.#disks.set(id, disk);
    this.#urls.set(id, url);
  }

  #write(id: number, write: PendingWrite): void {
    const waiting = this.#stalled.get(id);
    if (waiting === undefined) write.complete();
    else waiting.push(write);
  }

  /** What its disk is told to write from now on waits until the function is called. */
  stallDisk(id: number): () => void {
    this.#stalled.set(id, []);
    return () => this.#goOn(id);
  }

  #goOn(id: number): void {
    const waiting = this.#stalled.get(id) ?? [];
    this.#stalled.delete(id);
    for (const write of waiting) write.complete();
  }

  /** All that were ever started. */
  get ids(): MemberId[] {
    return [...this.#urls.keys()] as MemberId[];
  }

  get endpoints(): string[] {
    return [...this.#urls.values()];
  }

  /** Its disk reports from now on that it is low, or has room. */
  setDiskLow(id: number, low: boolean): void {
    const disk = this.#disks.get(id);
    if (disk === undefined) throw new Error(`there is no member ${id}`);
    disk.space = { ...disk.space, freeBytes: low ? 1 : Number.MAX_SAFE_INTEGER, low };
  }

  member(id: number): Member | undefined {
    return this.#members.get(id);
  }

  at(url: string): Member | undefined {
    for (const [id, own] of this.#urls) if (own === url) return this.#members.get(id);
    return undefined;
  }

  /** A member that was added to the table, with the token that its adding gave: it knows where the others are, and nothing else. */
  async join(id: number, secret: Uint8Array): Promise<void> {
    this.#joinSecrets.set(id, secret);
    this.#format(id as MemberId, clientUrlOf(id), emptyConfiguration);
    await this.restart(id);
  }

  /** Its disk is another one, with nothing on it. */
  async wipe(id: number): Promise<void> {
    await this.kill(id);
    const url = this.#urls.get(id) ?? '';
    this.#format(id as MemberId, url, emptyConfiguration);
    await this.restart(id);
  }

  /** Opens what is on its disk. */
  async restart(id: number): Promise<void> {
    const disk = this.#disks.get(id);
    if (disk === undefined) throw new Error(`there is no member ${id}`);
    const memberId = id as MemberId;
    const storage = await openMemoryStorage(disk, { clusterId, memberId });
    this.#storages.set(id, storage);
    let seed = id;
    const say = (facts: Readonly<Record<string, unknown>>, message: string): void => {
      this.said.push({ by: id, facts, message });
    };
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
      log: { info: () => {}, warn: say, error: say },
      transport: {
        send: (to, _lane, frame) => this.#send(memberId, to, frame),
        bufferedBytes: () => 0,
        reach: (peers) => this.#reach(memberId, peers),
      },
      store: storage,
      hash: (value) => createHash('sha256').update(value).digest(),
      onFatal: (error) => {
        throw error;
      },
    };
    const commands = this.commands.get(id);
    const settings = {
      id: memberId,
      clusterId,
      members: this.ids.map((one) => ({
        id: one,
        name: `m${one}`,
        clientUrl: this.#urls.get(one) ?? '',
        peerUrl: peerUrlOf(one),
      })),
      peerUrl: null,
      joinSecret: this.#joinSecrets.get(id) ?? null,
      electionMs,
      heartbeatMs,
      pid: null,
      ...(commands === undefined ? {} : { commands }),
      ...this.#options,
    };
    const member = await Member.open(settings, environment, storage.storeUuid);
    this.#members.set(id, member);
    member.start();
  }

  #send(from: MemberId, to: MemberId, frame: Uint8Array): boolean {
    if (!this.#open.has(`${from}>${to}`)) return false;
    setImmediate(() => {
      if (this.#open.has(`${from}>${to}`)) this.#members.get(to)?.receivePeer(from, frame);
    });
    return true;
  }

  #reach(from: MemberId, peers: readonly PeerRoute[]): void {
    const wanted = new Set(peers.map(({ id }) => id));
    this.#routes.set(from, wanted);
    for (const other of this.ids) {
      if (wanted.has(other)) continue;
      this.#open.delete(`${from}>${other}`);
      // Who is not listened to any more asks why.
      if (this.#open.delete(`${other}>${from}`)) void this.#dial(other, from);
    }
    for (const to of wanted) void this.#dial(from, to);
  }

  /** Until it is open, or nobody wants it any more. */
  async #dial(from: MemberId, to: MemberId): Promise<void> {
    const link = `${from}>${to}`;
    if (this.#open.has(link) || this.#opening.has(link)) return;
    this.#opening.add(link);
    while (this.#members.has(from) && this.#routes.get(from)?.has(to) === true && !(await this.#greet(from, to))) {
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
    this.#opening.delete(link);
  }

  async #greet(from: MemberId, to: MemberId): Promise<boolean> {
    const [caller, called] = [this.#members.get(from), this.#members.get(to)];
    if (caller === undefined || called === undefined || this.#isolated.has(from) || this.#isolated.has(to))
      return false;
    try {
      await called.admit(decodeHello(caller.hello(to)));
    } catch (error) {
      if (!(error instanceof PeerRefusedError)) throw error;
      this.said.push({ by: to, facts: { from }, message: error.message });
      if (error.verdict !== null) caller.told(to, error.verdict);
      return false;
    }
    caller.acceptedBy(to);
    try {
      await caller.admit(decodeHello(called.hello(from)));
    } catch (error) {
      if (!(error instanceof PeerRefusedError)) throw error;
      return false;
    }
    if (this.#members.get(from) === caller && this.#members.get(to) === called) this.#open.add(`${from}>${to}`);
    return this.#open.has(`${from}>${to}`);
  }

  /** Nobody hears of it again: its clients are not told either, which the network of the test sees to. */
  async kill(id: number): Promise<void> {
    const member = this.#members.get(id);
    this.#members.delete(id);
    this.#cutOff(id);
    await member?.stop();
    await this.#storages.get(id)?.close();
    this.#storages.delete(id);
  }

  isolate(id: number): void {
    this.#isolated.add(id);
    this.#cutOff(id);
    for (const [other, member] of this.#members) if (other !== id) member.peerLost(id as MemberId, 'control');
  }

  #cutOff(id: number): void {
    for (const link of this.#open) {
      const ends = link.split('>').map(Number) as [MemberId, MemberId];
      if (!ends.includes(id as MemberId)) continue;
      this.#open.delete(link);
      void this.#dial(...ends);
    }
  }

  rejoin(id: number): void {
    this.#isolated.delete(id);
  }

  get leader(): number | null {
    for (const [id, member] of this.#members) if (member.raft.role === 'leader' && !this.#isolated.has(id)) return id;
    return null;
  }

  async stop(): Promise<void> {
    for (const id of this.#stalled.keys()) this.#goOn(id);
    for (const id of this.ids) await this.kill(id);
  }
}

/** Of a member that joins, as the test that adds it names it. */
export function clientUrlOf(id: number): string {
  return `ws://m${id}:1`;
}

export function peerUrlOf(id: number): string {
  return `ws://p${id}:1`;
}

function namedUrls(count: number): string[] {
  return Array.from({ length: count }, (_, at) => clientUrlOf(at + 1));
}
