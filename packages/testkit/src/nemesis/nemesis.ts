// Does to a cluster what a plan says, and takes it back. What cannot be done as things are (nobody leads, everybody is down already) is
// left out and counted apart.
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, ConclaveError } from '@conclave/client';
import type { Child } from '../processes/child.ts';
import type { SmallDisk } from '../processes/small-disk.ts';
import { patienceMs, type TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { MembershipChanges } from './membership-changes.ts';
import { Network, partition, type Rule } from './network.ts';
import { type FaultKind, faults, type MembershipKind, type Round, type Step } from './plan.ts';
import { Tally } from './tally.ts';

/** What `conclave server` exits with when its disk is full. */
const unavailableCode = 3;
const transferTimeoutMs = 2_000;
/** A replacement may wait for a member to come back, and that one for its own replacement. */
const settleTimeoutMs = 90_000;

/** Takes back what was done. */
type Undo = () => Promise<void>;

export class Nemesis {
  readonly tally: Tally = new Tally();
  readonly network: Network;
  readonly #cluster: TestCluster;
  readonly #client: Client;
  readonly #disks: ReadonlyMap<number, SmallDisk>;
  readonly #changes: MembershipChanges;
  /** Members to whose process something is being done. */
  readonly #struck = new Set<number>();
  /** Members whose disk was full in this round: they may end by themselves. */
  readonly #starved = new Set<number>();
  readonly #log: (line: string) => void;

  /** `client` is the operator's. `disks`: of those members whose disk can be filled. */
  constructor(
    cluster: TestCluster,
    client: Client,
    disks: ReadonlyMap<number, SmallDisk>,
    log: (line: string) => void,
  ) {
    this.#cluster = cluster;
    this.#client = client;
    this.#disks = disks;
    this.#log = log;
    this.network = new Network(cluster);
    this.#changes = new MembershipChanges(cluster, client, this.tally, log);
  }

  /** Resolves when everything that the round did is taken back, every member is up, and the membership is as it is wanted. */
  async round({ steps }: Round): Promise<void> {
    const beganMs = performance.now();
    const ends = await Promise.allSettled(steps.map(async (step) => this.#take(step, beganMs)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await waitFor(
      async () => {
        this.#revive();
        return (await this.#changes.isSettled()) && (await this.#isEverybodyReady());
      },
      settleTimeoutMs,
      () => `not every member is ready again, or what it is to be\n${this.#cluster.output()}`,
    );
    this.#starved.clear();
  }

  async #take(step: Step, beganMs: number): Promise<void> {
    await delay(beganMs + step.atMs - performance.now());
    if (isMembership(step.kind)) {
      this.#changes.begin(step.kind, await this.#target(step));
      return;
    }
    const undo = await this.#strike(step, step.kind);
    if (undo === null) {
      this.tally.omitted(step.kind);
      return;
    }
    this.tally.occurred(step.kind);
    await delay(beganMs + step.atMs + step.forMs - performance.now());
    await undo();
  }

  /** Null: it cannot be done now. */
  async #strike(step: Step, kind: Exclude<FaultKind, MembershipKind>): Promise<Undo | null> {
    if (kind === 'kill all') return this.#kill(this.#unharmed());
    if (kind === 'transfer') return this.#transfer(step);
    if (kind === 'bridge' || kind === 'split') return this.#impose(step, this.#divided(kind, step.salt));
    const id = await this.#target(step);
    // Another step may have been quicker.
    return id === null || this.#struck.has(id) ? null : this.#strikeOne(step, kind, id);
  }

  async #strikeOne(
    step: Step,
    kind: Exclude<FaultKind, MembershipKind | 'kill all' | 'transfer' | 'bridge' | 'split'>,
    id: number,
  ): Promise<Undo | null> {
    const { salt } = step;
    const others = this.#cluster.ids.filter((other) => other !== id);
    const other = others[salt % Math.max(1, others.length)] ?? id;
    switch (kind) {
      case 'kill':
        return this.#kill([id]);
      case 'stop':
        return this.#stop(id);
      case 'terminate':
        return this.#terminate(id);
      case 'fill disk':
        return this.#fill(id);
      case 'isolate':
        return this.#impose(step, [...partition([id], others), ...(salt % 2 === 0 ? [] : cutClients(id, salt >> 1))]);
      case 'one-way': {
        const weather = { cut: true };
        const away = others.map((to): Rule => ({ from: id, to, weather }));
        const back = others.map((from): Rule => ({ from, to: id, weather }));
        return this.#impose(step, salt % 2 === 0 ? away : back);
      }
      case 'slow': {
        const weather = { delayMs: 5 + (salt % 120), jitterMs: salt % 50, bytesPerSecond: 20_000 + (salt % 500_000) };
        const both = others.flatMap((one): Rule[] => [
          { from: id, to: one, weather },
          { from: one, to: id, weather },
        ]);
        return this.#impose(step, both);
      }
      case 'half-open': {
        this.#log(`half-open: ${id} and ${other}`);
        for (const [a, b] of [
          [id, other],
          [other, id],
        ] as const) {
          this.network.break(a, b, salt % 2 === 0 ? 'caller' : 'target');
        }
        return done;
      }
      case 'reset': {
        this.#log(`reset: ${id}`);
        for (const one of others) {
          this.network.break(id, one);
          this.network.break(one, id);
        }
        this.network.breakClients(id);
        return done;
      }
      case 'cut clients':
        return this.#impose(step, cutClients(id, salt));
      case 'slow clients': {
        const weather = { delayMs: 10 + (salt % 200), bytesPerSecond: 5_000 + (salt % 100_000) };
        return this.#impose(step, [
          { clientsOf: id, direction: 'forward', weather },
          { clientsOf: id, direction: 'backward', weather },
        ]);
      }
    }
  }

  /** One member of a cluster of one has nobody to be apart from. */
  async #impose({ kind }: Step, rules: readonly Rule[]): Promise<Undo | null> {
    if (rules.length === 0) return null;
    this.#log(`${kind}: ${rules.map(shown).join(' ')}`);
    const lift = this.network.impose(rules);
    return async () => {
      lift();
    };
  }

  /** Two halves, in an order that the salt decides. Of a bridge, one member hears both. */
  #divided(kind: 'bridge' | 'split', salt: number): Rule[] {
    const ids = this.#cluster.ids;
    const turned = ids.map((_, at) => ids[(at * (1 + (salt % 2)) + salt) % ids.length] as number);
    const order = [...new Set([...turned, ...ids])];
    const between = kind === 'bridge' ? order.splice(0, 1) : [];
    const middle = Math.floor(order.length / 2);
    const [some, others] = [order.slice(0, middle), order.slice(middle)];
    return between.length > order.length ? [] : partition(some, others);
  }

  async #kill(ids: readonly number[]): Promise<Undo | null> {
    if (ids.length === 0) return null;
    this.#log(`kill -9 ${ids.join(', ')}`);
    for (const id of ids) this.#struck.add(id);
    await this.#cluster.kill(...ids);
    return async () => {
      for (const id of ids) this.#start(id);
    };
  }

  async #stop(id: number): Promise<Undo> {
    this.#log(`SIGSTOP ${id}`);
    this.#struck.add(id);
    const stopped = this.#cluster.pause(id);
    return async () => {
      stopped[Symbol.dispose]();
      this.#struck.delete(id);
    };
  }

  /** As an operator restarts it; it must end by itself in time, with code 0, whatever else is going on, unless it was still starting. */
  async #terminate(id: number): Promise<Undo> {
    this.#log(`SIGTERM ${id}`);
    this.#struck.add(id);
    const child = this.#cluster.member(id);
    const isStarting = !(await this.#cluster.isReady(id));
    child.signal('SIGTERM');
    return async () => {
      const { code, signal } = await child.ended(patienceMs);
      const isExcused = this.#starved.has(id) || (isStarting && signal === 'SIGTERM');
      if (code !== 0 && !isExcused) throw endedWrongly(id, child);
      this.#start(id);
    };
  }

  async #fill(id: number): Promise<Undo | null> {
    const disk = this.#disks.get(id);
    if (disk === undefined) return null;
    this.#log(`disk of ${id} full`);
    this.#struck.add(id);
    this.#starved.add(id);
    disk.fill();
    return async () => {
      disk.free();
      this.#struck.delete(id);
    };
  }

  async #transfer({ salt }: Step): Promise<Undo | null> {
    const leader = await this.#cluster.leaderAmong(this.#unharmed());
    const others = this.#unharmed().filter((id) => id !== leader);
    const to = others[salt % Math.max(1, others.length)];
    if (leader === null || to === undefined) return null;
    this.#log(`transfer ${leader} → ${to}`);
    try {
      await this.#client.transferLeader(to, { timeoutMs: transferTimeoutMs });
      return done;
    } catch (error) {
      if (!ConclaveError.is(error)) throw error;
      this.#log(`transfer ${leader} → ${to}: ${error.message}`);
      return null;
    }
  }

  #start(id: number): void {
    this.#log(`start ${id}`);
    this.#cluster.run(id);
    this.#struck.delete(id);
  }

  #unharmed(): number[] {
    return this.#cluster.ids.filter((id) => !this.#struck.has(id) && this.#cluster.member(id).end === undefined);
  }

  async #target({ kind, target }: Step): Promise<number | null> {
    const unharmed = this.#unharmed().filter((id) => kind !== 'fill disk' || this.#disks.has(id));
    const leader = target === 'leader' ? await this.#cluster.leaderAmong(unharmed) : null;
    if (leader !== null && this.#unharmed().includes(leader)) return leader;
    const at = typeof target === 'number' ? target : 0;
    const left = unharmed.filter((id) => !this.#struck.has(id));
    return left[Math.floor(at * left.length)] ?? null;
  }

  /** Who ran out of space is started again; nobody else may have ended. */
  #revive(): void {
    for (const id of this.#cluster.ids) {
      const child = this.#cluster.member(id);
      if (child.end === undefined) continue;
      if (!this.#starved.has(id) || child.end.code !== unavailableCode) throw endedWrongly(id, child);
      this.#start(id);
    }
  }

  async #isEverybodyReady(): Promise<boolean> {
    const ready = await Promise.all(this.#cluster.ids.map(async (id) => this.#cluster.isReady(id)));
    return ready.every(Boolean);
  }
}

async function done(): Promise<void> {}

function isMembership(kind: FaultKind): kind is MembershipKind {
  return (faults.membership as readonly FaultKind[]).includes(kind);
}

function cutClients(id: number, salt: number): Rule[] {
  const weather = { cut: true };
  const [forward, backward] = [
    { clientsOf: id, direction: 'forward', weather },
    { clientsOf: id, direction: 'backward', weather },
  ] as const;
  return salt % 3 === 0 ? [forward] : salt % 3 === 1 ? [backward] : [forward, backward];
}

function shown(rule: Rule): string {
  return 'from' in rule ? `${rule.from}→${rule.to}` : `clients ${rule.direction} of ${rule.clientsOf}`;
}

function endedWrongly(id: number, child: Child): Error {
  const how = child.end?.signal ?? `exit ${child.end?.code}`;
  return new Error(`member ${id} has ended by itself, or not as it should: ${how}\n${child.output()}`);
}
