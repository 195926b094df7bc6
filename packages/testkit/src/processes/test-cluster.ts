// Member processes as an operator runs them: each with the one command that is the same at its first start and at every later one.
import { join } from 'node:path';
import { type Client, connect } from '@conclave/client';
import type { Child } from './child.ts';
import { conclave } from './conclave-program.ts';
import { Proxy } from './proxy.ts';
import { stablePorts } from './stable-ports.ts';
import { type TemporaryDirectory, temporaryDirectory } from './temporary-directory.ts';
import { waitFor } from './wait-for.ts';

export interface ClusterOptions {
  readonly members?: number;
  readonly heartbeatMs?: number;
  readonly electionMs?: number;
  /** Peers reach each member through a proxy of its own, which `links` holds. */
  readonly proxied?: boolean;
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
}

/** Far more than an election takes on a loaded machine. */
export const patienceMs = 30_000;

export class TestCluster implements AsyncDisposable {
  readonly name = 'test';
  readonly directory: TemporaryDirectory;
  /** By the id of the member that peers reach through it. */
  readonly links: ReadonlyMap<number, Proxy>;
  readonly #plans: MemberPlan[];
  /** What all members are started with. */
  readonly #flags: readonly string[];
  /** All founders, also those that were removed: from them the cluster has its id. */
  #founders: readonly string[];
  /** Where members that joined are told the others are, since all have moved. */
  #moved: readonly string[] = [];
  readonly #running = new Map<number, Child>();

  private constructor(
    directory: TemporaryDirectory,
    plans: MemberPlan[],
    links: ReadonlyMap<number, Proxy>,
    { allowOrigin, electionMs = 500, heartbeatMs = 50 }: ClusterOptions,
  ) {
    this.directory = directory;
    this.links = links;
    this.#plans = plans;
    const times = ['--heartbeat-ms', `${heartbeatMs}`, '--election-ms', `${electionMs}`];
    const origins = allowOrigin === undefined ? [] : ['--allow-origin', allowOrigin];
    this.#founders = this.#flagsOf(plans);
    this.#flags = [...times, ...origins, '--log-level', 'warn'];
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
      directory: join(directory.path, `member-${at + 1}`),
      token: null,
    }));
    const links = new Map<number, Proxy>();
    if (options.proxied === true) {
      for (const { id, peerPort } of plans) links.set(id, await Proxy.start({ targetPort: peerPort }));
    }
    const cluster = new TestCluster(directory, plans, links, options);
    try {
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
    const { directory, peerPort, token } = this.#plan(id);
    if (token !== null) return ['server', '--data', directory, '--join', token, ...this.#moved, ...this.#flags];
    const listen = this.links.size === 0 ? [] : ['--listen-peer', `127.0.0.1:${peerPort}`];
    const cluster = ['--cluster', this.name, ...this.#founders];
    return ['server', '--data', directory, '--id', `${id}`, ...cluster, ...this.#flags, ...listen];
  }

  #flagsOf(plans: readonly MemberPlan[]): string[] {
    return plans.flatMap(({ id }) => ['--member', `${id}=${this.urlsOf(id).join(',')}`]);
  }

  /** For clients, and for peers. */
  urlsOf(id: number): [string, string] {
    const peerPort = this.links.get(id)?.port ?? this.#plan(id).peerPort;
    return [this.endpoint(id), `ws://127.0.0.1:${peerPort}`];
  }

  /** For a member that is to be added. */
  async site(): Promise<Site> {
    const [clientPort = 0, peerPort = 0] = await stablePorts(2);
    return { clientPort, peerPort, urls: `ws://127.0.0.1:${clientPort},ws://127.0.0.1:${peerPort}` };
  }

  /** Runs a member that was added. */
  join(id: number, token: string, { clientPort, peerPort }: Site): Child {
    this.#plans.push({ id, clientPort, peerPort, directory: join(this.directory.path, `member-${id}`), token });
    return this.run(id);
  }

  /** It was removed, and its process is ended. */
  async discard(id: number): Promise<void> {
    if (this.#running.has(id)) await this.kill(id);
    this.#plans.splice(this.#plans.indexOf(this.#plan(id)), 1);
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
    const child = conclave(this.commandOf(id));
    this.#running.set(id, child);
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

  async followers(): Promise<number[]> {
    const leader = await this.leader();
    return this.ids.filter((id) => id !== leader && this.#running.has(id));
  }

  /** The member knows a leader: what is asked of it is answered. */
  async ready(id: number): Promise<void> {
    await waitFor(
      async () => (await this.#leaderSeenBy(id)) !== null,
      patienceMs,
      () => `member ${id} is not ready\n${this.output()}`,
    );
  }

  output(): string {
    return [...this.#running].map(([id, child]) => `member ${id}:\n${child.output()}`).join('\n');
  }

  /** Goes on when something of it fails: what is left over would hang the test or spoil the next one. */
  async [Symbol.asyncDispose](): Promise<void> {
    const parts = [...this.#running.values(), ...this.links.values()];
    const ends = await Promise.allSettled(parts.map(async (part) => part[Symbol.asyncDispose]()));
    this.directory[Symbol.dispose]();
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
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
