// Member processes as an operator runs them: each with the one command that is the same at its first start and at every later one.
import { join } from 'node:path';
import { type Client, connect } from '@conclave/client';
import type { Child } from './child.ts';
import { clientCaller } from './client-caller.ts';
import { conclave } from './conclave-program.ts';
import { peerCaller } from './peer-caller.ts';
import { Proxy } from './proxy.ts';
import { stablePorts } from './stable-ports.ts';
import { type TemporaryDirectory, temporaryDirectory } from './temporary-directory.ts';
import { waitFor } from './wait-for.ts';

export interface ClusterOptions {
  readonly members?: number;
  readonly heartbeatMs?: number;
  readonly electionMs?: number;
  /**
   * `peers`: the founders reach one another through a proxy in front of each, which `links` holds. `everything`: so do members that join, and
   * clients, for whom `doors` holds the proxies; the addresses on record are the proxies'.
   */
  readonly proxied?: 'peers' | 'everything';
  /** Where a founder has its data, instead of in a directory beside the others'. */
  readonly directoryOf?: (id: number) => string | undefined;
  readonly logLevel?: 'info' | 'warn';
  /** Of every member process, beside this one's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Pages that may connect. */
  readonly allowOrigin?: string;
}

interface MemberPlan {
  readonly id: number;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly directory: string;
  /** Of a member that joins. Null: a founder. */
  readonly token: string | null;
}

/** Where a member that is to come will be found. */
export interface Site {
  readonly clientPort: number;
  readonly peerPort: number;
  /** As `conclave member add` takes it. */
  readonly urls: string;
  readonly link?: Proxy;
  readonly door?: Proxy;
}

/** Far more than an election takes on a loaded machine. */
export const patienceMs = 30_000;

export class TestCluster implements AsyncDisposable {
  readonly name = 'test';
  readonly directory: TemporaryDirectory;
  /** By the id of the member that peers reach through it. They know which member a connection comes from, by its id. */
  readonly links: Map<number, Proxy> = new Map();
  /** By the id of the member that clients reach through it. */
  readonly doors: Map<number, Proxy> = new Map();
  readonly #plans: MemberPlan[];
  /** What all members are started with. */
  readonly #flags: readonly string[];
  /** All founders, also those that were removed: from them the cluster has its id. */
  #founders: readonly string[] = [];
  /** Where members that joined are told the others are, since all have moved. */
  #moved: readonly string[] = [];
  readonly #running = new Map<number, Child>();
  readonly #env: Readonly<Record<string, string>>;
  readonly #everyRun: { readonly id: number; readonly child: Child }[] = [];

  private constructor(
    directory: TemporaryDirectory,
    plans: MemberPlan[],
    { allowOrigin, electionMs = 500, env = {}, heartbeatMs = 50, logLevel = 'warn' }: ClusterOptions,
  ) {
    this.directory = directory;
    this.#plans = plans;
    this.#env = env;
    const times = ['--heartbeat-ms', `${heartbeatMs}`, '--election-ms', `${electionMs}`];
    const origins = allowOrigin === undefined ? [] : ['--allow-origin', allowOrigin];
    this.#flags = [...times, ...origins, '--log-level', logLevel];
  }

  /** Resolves when a leader serves. */
  static async start(options: ClusterOptions = {}): Promise<TestCluster> {
    const count = options.members ?? 3;
    const directory = temporaryDirectory();
    const ports = await stablePorts(2 * count);
    const plans = Array.from({ length: count }, (_, at) => ({
      id: at + 1,
      clientPort: ports[2 * at] ?? 0,
      peerPort: ports[2 * at + 1] ?? 0,
      directory: options.directoryOf?.(at + 1) ?? join(directory.path, `member-${at + 1}`),
      token: null,
    }));
    const cluster = new TestCluster(directory, plans, options);
    try {
      for (const plan of plans) await cluster.#proxy(plan, options);
      cluster.#founders = cluster.#flagsOf(plans);
      for (const id of cluster.ids) cluster.run(id);
      await cluster.leader();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get ids(): number[] {
    return this.#plans.map(({ id }) => id);
  }

  get endpoints(): string[] {
    return this.ids.map((id) => this.endpoint(id));
  }

  /** For programs that are to find this cluster. */
  get environment(): Readonly<Record<string, string>> {
    return { CONCLAVE_ENDPOINTS: this.endpoints.join(',') };
  }

  async connect(): Promise<Client> {
    return connect({ endpoints: this.endpoints, author: 'test' });
  }

  endpoint(id: number): string {
    return `ws://127.0.0.1:${this.#plan(id).clientPort}`;
  }

  directoryOf(id: number): string {
    return this.#plan(id).directory;
  }

  /** What follows `conclave` to run this member. */
  commandOf(id: number): string[] {
    const { clientPort, directory, peerPort, token } = this.#plan(id);
    const listen = [
      ...(this.links.has(id) ? ['--listen-peer', `127.0.0.1:${peerPort}`] : []),
      ...(this.doors.has(id) ? ['--listen', `127.0.0.1:${clientPort}`] : []),
    ];
    if (token !== null) {
      return ['server', '--data', directory, '--join', token, ...this.#moved, ...this.#flags, ...listen];
    }
    const cluster = ['--cluster', this.name, ...this.#founders];
    return ['server', '--data', directory, '--id', `${id}`, ...cluster, ...this.#flags, ...listen];
  }

  #flagsOf(plans: readonly MemberPlan[]): string[] {
    return plans.flatMap(({ id }) => ['--member', `${id}=${this.urlsOf(id).join(',')}`]);
  }

  /** For clients, and for peers. */
  urlsOf(id: number): [string, string] {
    const plan = this.#plan(id);
    const clientPort = this.doors.get(id)?.port ?? plan.clientPort;
    const peerPort = this.links.get(id)?.port ?? plan.peerPort;
    return [`ws://127.0.0.1:${clientPort}`, `ws://127.0.0.1:${peerPort}`];
  }

  /** For a member that is to be added. */
  async site(): Promise<Site> {
    const [clientPort = 0, peerPort = 0] = await stablePorts(2);
    if (this.doors.size === 0) {
      return { clientPort, peerPort, urls: `ws://127.0.0.1:${clientPort},ws://127.0.0.1:${peerPort}` };
    }
    const link = await peerProxy(peerPort);
    const door = await clientProxy(clientPort);
    return { clientPort, peerPort, urls: `ws://127.0.0.1:${door.port},ws://127.0.0.1:${link.port}`, link, door };
  }

  /** Runs a member that was added. */
  join(id: number, token: string, { clientPort, door, link, peerPort }: Site): Child {
    if (link !== undefined) this.links.set(id, link);
    if (door !== undefined) this.doors.set(id, door);
    this.#plans.push({ id, clientPort, peerPort, directory: join(this.directory.path, `member-${id}`), token });
    return this.run(id);
  }

  /** It was removed, and its process is ended. */
  async discard(id: number): Promise<void> {
    if (this.#running.has(id)) await this.kill(id);
    this.#plans.splice(this.#plans.indexOf(this.#plan(id)), 1);
    for (const proxies of [this.links, this.doors]) {
      await proxies.get(id)?.[Symbol.asyncDispose]();
      proxies.delete(id);
    }
  }

  /** Gives all members, of which none runs and no founder was removed, other addresses: their command lines tell of them. */
  async move(): Promise<void> {
    const ports = await stablePorts(2 * this.#plans.length);
    for (const [at, plan] of this.#plans.entries()) {
      this.#plans[at] = { ...plan, clientPort: ports[2 * at] ?? 0, peerPort: ports[2 * at + 1] ?? 0 };
    }
    this.#founders = this.#flagsOf(this.#plans.filter(({ token }) => token === null));
    this.#moved = this.#flagsOf(this.#plans);
  }

  member(id: number): Child {
    const child = this.#running.get(id);
    if (child === undefined) throw new Error(`member ${id} does not run`);
    return child;
  }

  /** Starts the member; `leader` or `ready` wait for it. */
  run(id: number): Child {
    const child = conclave(this.commandOf(id), { env: this.#env });
    this.#running.set(id, child);
    this.#everyRun.push({ id, child });
    return child;
  }

  /** SIGSTOP until the answer is disposed of. */
  pause(...ids: readonly number[]): Disposable {
    const paused = ids.map((id) => this.member(id).pause());
    return {
      [Symbol.dispose]: () => {
        for (const one of paused) one[Symbol.dispose]();
      },
    };
  }

  /** kill -9, of all given at the same moment. */
  async kill(...ids: readonly number[]): Promise<void> {
    for (const id of ids) this.member(id).signal('SIGKILL');
    await Promise.all(ids.map(async (id) => this.member(id).kill()));
    for (const id of ids) this.#running.delete(id);
  }

  /** The member that says itself that it leads, and most of the running ones agree. */
  async leader(except?: number): Promise<number> {
    return waitFor(
      async () => {
        const views = await Promise.all(
          [...this.#running.keys()].map(async (id) => [id, await this.#leaderSeenBy(id)] as const),
        );
        const own = views.find(([id, seen]) => id === seen && id !== except)?.[0];
        return own !== undefined && 2 * views.filter(([, seen]) => seen === own).length > this.#plans.length
          ? own
          : null;
      },
      patienceMs,
      () => `no leader\n${this.output()}`,
    );
  }

  /** Of those the first that says of itself that it leads, as of now; there may be two, of different terms. */
  async leaderAmong(ids: readonly number[]): Promise<number | null> {
    const views = await Promise.all(ids.map(async (id) => [id, await this.#leaderSeenBy(id)] as const));
    return views.find(([id, seen]) => id === seen)?.[0] ?? null;
  }

  async followers(): Promise<number[]> {
    const leader = await this.leader();
    return this.ids.filter((id) => id !== leader && this.#running.has(id));
  }

  /** The member knows a leader: what is asked of it is answered. */
  async ready(id: number): Promise<void> {
    await waitFor(
      async () => this.isReady(id),
      patienceMs,
      () => `member ${id} is not ready\n${this.output()}`,
    );
  }

  async isReady(id: number): Promise<boolean> {
    return (await this.#leaderSeenBy(id)) !== null;
  }

  /** All processes that were started, one behind the other, also those that have ended. */
  get everyRun(): readonly { readonly id: number; readonly child: Child }[] {
    return this.#everyRun;
  }

  output(): string {
    return [...this.#running].map(([id, child]) => `member ${id}:\n${child.output()}`).join('\n');
  }

  /** Goes on when something of it fails: what is left over would hang the test or spoil the next one. */
  async [Symbol.asyncDispose](): Promise<void> {
    const parts = [...this.#running.values(), ...this.links.values(), ...this.doors.values()];
    const ends = await Promise.allSettled(parts.map(async (part) => part[Symbol.asyncDispose]()));
    this.directory[Symbol.dispose]();
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #proxy({ id, clientPort, peerPort }: MemberPlan, { proxied }: ClusterOptions): Promise<void> {
    if (proxied !== undefined) this.links.set(id, await peerProxy(peerPort));
    if (proxied === 'everything') this.doors.set(id, await clientProxy(clientPort));
  }

  #plan(id: number): MemberPlan {
    const plan = this.#plans.find((one) => one.id === id);
    if (plan === undefined) throw new Error(`there is no member ${id}`);
    return plan;
  }

  async #leaderSeenBy(id: number): Promise<number | null> {
    try {
      const url = `http://127.0.0.1:${this.#plan(id).clientPort}/readyz`;
      const response = await fetch(url, { signal: AbortSignal.timeout(probeTimeoutMs) });
      const match = /leader: member (\d+)/.exec(await response.text());
      return match === null ? null : Number(match[1]);
    } catch {
      // It is down, stopped, or not up yet.
      return null;
    }
  }
}

const probeTimeoutMs = 1_000;

async function clientProxy(targetPort: number): Promise<Proxy> {
  return Proxy.start({ targetPort, callerOf: clientCaller });
}

async function peerProxy(targetPort: number): Promise<Proxy> {
  return Proxy.start({ targetPort, callerOf: peerCaller });
}
