import type { Configuration, MemberId } from '@conclave/core';
import { Clock } from '../clock.ts';
import { type FaultCounts, Nemesis } from '../nemesis.ts';
import { Random } from '../random.ts';
import { Scheduler } from '../scheduler.ts';
import { Trace } from '../trace.ts';
import { demand } from '../violation.ts';
import { SimulatedClient } from './client.ts';
import { MemberHost } from './host.ts';
import { ExactlyOnce } from './invariants/exactly-once.ts';
import { Holds } from './invariants/holds.ts';
import { LeaseTimes } from './invariants/lease-times.ts';
import { LinearizableKeys } from './invariants/linearizable-keys.ts';
import { Watches } from './invariants/watches.ts';
import { Microtasks } from './microtasks.ts';
import type { MemberObserver } from './observer.ts';
import { Oracle, textOf } from './oracle.ts';
import { PeerNetwork } from './peer-network.ts';
import type { MemberRunSettings } from './settings.ts';
import { StaleLeader } from './stale-leader.ts';
import { WatchReader } from './watch-reader.ts';
import { Workload, type WorkloadCounts, watchable } from './workload.ts';

export interface MemberRunReport {
  readonly hash: string;
  readonly simulatedMs: number;
  readonly events: number;
  readonly entries: number;
  readonly terms: number;
  readonly faults: FaultCounts & StaleLeader['counts'];
  readonly network: PeerNetwork['counts'];
  readonly disk: MemberHost['counts'];
  readonly load: WorkloadCounts;
  readonly seen: {
    readonly grants: number;
    readonly expired: number;
    readonly sessionsLost: number;
    readonly resumed: number;
    readonly delivered: number;
    readonly checked: number;
  };
}

/** Healing takes so many election timeouts, and what client patience and time to live add. */
const healingElections = 60;
const healingClientsMs = 20_000;

/** Whole members, from sockets to disks, with clients; one seed decides everything. Throws a Violation. */
export async function simulateMembers(
  seed: number,
  settings: MemberRunSettings,
  print: ((line: string) => void) | null = null,
): Promise<MemberRunReport> {
  const run = new MemberRun(seed, settings, print);
  await run.until(settings.safetyMs);
  run.calm();
  await run.heal();
  return run.report();
}

class MemberRun {
  readonly #settings: MemberRunSettings;
  readonly #scheduler = new Scheduler();
  readonly #microtasks = new Microtasks();
  readonly #trace: Trace;
  readonly #oracle: Oracle;
  readonly #network: PeerNetwork;
  readonly #hosts: readonly MemberHost[];
  readonly #clients: readonly SimulatedClient[];
  readonly #observers: MemberObserver[] = [];
  readonly #keys = new LinearizableKeys();
  readonly #holds: Holds;
  readonly #leases: LeaseTimes;
  readonly #watches: Watches;
  readonly #workload: Workload;
  readonly #nemesis: Nemesis;
  readonly #staleLeader: StaleLeader;
  #failure: unknown = null;

  constructor(seed: number, settings: MemberRunSettings, print: ((line: string) => void) | null) {
    const random = new Random(seed);
    const scheduler = this.#scheduler;
    const fail = (error: unknown): void => {
      this.#failure ??= error;
    };
    this.#settings = settings;
    this.#trace = new Trace(print);
    this.#oracle = new Oracle((applied) => {
      for (const observer of this.#observers) observer.applied?.(applied);
    });
    const microtasks = this.#microtasks;
    const trace = this.#trace;
    this.#network = new PeerNetwork({ scheduler, microtasks, random: random.fork('network'), trace, settings, fail });
    this.#hosts = this.#makeHosts(random.fork('hosts'), fail, print);
    this.#network.connect(this.#hosts);
    for (const host of this.#hosts) host.start();
    this.#clients = this.#makeClients(random.fork('clients'));
    const readers = this.#makeReaders(random.fork('watches'));
    this.#holds = new Holds(this.#clients);
    this.#leases = new LeaseTimes(this.#clients);
    this.#watches = new Watches(
      this.#keys,
      readers.map(({ record }) => record),
    );
    this.#observers.push(this.#keys, new ExactlyOnce(), this.#holds, this.#leases, this.#watches);
    this.#workload = new Workload(
      this.#clients,
      settings.clients,
      scheduler,
      random.fork('workload'),
      this.#oracle,
      this.#keys,
    );
    this.#observers.push(this.#workload);
    const cluster = { hosts: this.#hosts, network: this.#network, clients: this.#clients };
    this.#nemesis = new Nemesis(cluster, scheduler, random.fork('nemesis'), settings.faults);
    const rhythm = { everyMs: settings.staleLeaderEveryMs, electionMs: settings.electionMs };
    this.#staleLeader = new StaleLeader(cluster, scheduler, random.fork('stale'), rhythm);
  }

  #makeHosts(random: Random, fail: (error: unknown) => void, print: ((line: string) => void) | null): MemberHost[] {
    const { electionMs, faults, heartbeatMs, members } = this.#settings;
    const ids = Array.from({ length: members }, (_, at) => (at + 1) as MemberId);
    const configuration: Configuration = {
      voters: ids,
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      leaseReads: false,
    };
    const addresses = ids.map((id) => ({ id, name: `m${id}`, clientUrl: `ws://m${id}:1`, peerUrl: `ws://p${id}:1` }));
    return ids.map((id) => {
      const own = random.fork(`host ${id}`);
      const settings = {
        id,
        clusterId: 'sim',
        members: addresses,
        peerUrl: null,
        joinSecret: null,
        electionMs,
        heartbeatMs,
        pid: null,
      };
      return new MemberHost(settings, configuration, this.#clock(own, faults.clockDrift), own, {
        scheduler: this.#scheduler,
        microtasks: this.#microtasks,
        trace: this.#trace,
        settings: this.#settings,
        oracle: this.#oracle,
        transport: (from) => this.#network.transport(from),
        lifeChanged: (host) => this.#lifeChanged(host),
        fail,
        print,
      });
    });
  }

  #lifeChanged(host: MemberHost): void {
    this.#network.lifeChanged(host);
    if (host.isUp) return;
    for (const client of this.#clients) client.hostDied(host);
    // A process that ended by itself: somebody starts it again.
    const { life } = host;
    this.#scheduler.after(this.#settings.faults.maxDownMs, () => {
      if (host.life === life && !host.isUp) host.start();
    });
  }

  #clock(random: Random, drift: number): Clock {
    return new Clock(this.#scheduler, random.between(1 - drift, 1 + drift), random.between(0, 1e6));
  }

  #makeClients(random: Random): SimulatedClient[] {
    const { clients, faults, meanDelayMs, minDelayMs } = this.#settings;
    const scheduler = this.#scheduler;
    return Array.from({ length: clients.count }, (_, at) => {
      const own = random.fork(`client ${at}`);
      return new SimulatedClient(`c${at + 1}`, own.pick(clients.ttlsMs), this.#clock(own, faults.clockDrift), own, {
        scheduler,
        sockets: { scheduler, random: own.fork('socket'), trace: this.#trace, minDelayMs, meanDelayMs },
        hosts: this.#hosts,
        observers: this.#observers,
        breakEveryMs: this.#settings.clientBreakEveryMs,
      });
    });
  }

  /** Each client watches: everything, one key, or the leader of an election beside a range that overlaps another. */
  #makeReaders(random: Random): WatchReader[] {
    const [k, l] = [Buffer.from('k'), Buffer.from('l')];
    const single = Buffer.from('k0');
    return this.#clients.map((client, at) => {
      const choice = random.integer(0, 3);
      const selectors =
        choice === 0
          ? [{ key: new Uint8Array(), end: new Uint8Array() }]
          : choice === 1
            ? [{ key: single, end: null }]
            : [
                { key: Buffer.from('k1'), end: l },
                { key: watchable, end: null },
                { key: k, end: Buffer.from('k3') },
              ];
      const selects = (key: string): boolean =>
        choice === 0
          ? key >= '\u0001'
          : choice === 1
            ? key === 'k0'
            : (key >= 'k' && key < 'l') || key === textOf(watchable);
      const { creditBytes } = this.#settings.clients;
      const settings = { selectors, selects, creditBytes, fromSnapshot: at % 2 === 1 };
      const reader = new WatchReader(client, settings, this.#scheduler, random.fork(`watch ${at}`), this.#observers);
      client.watch = reader;
      return reader;
    });
  }

  async until(timeMs: number): Promise<void> {
    if (this.#microtasks.isTouched) await this.#microtasks.settle();
    while (this.#scheduler.step(timeMs)) {
      if (this.#microtasks.isTouched) await this.#microtasks.settle();
      if (this.#failure !== null) throw this.#failure;
    }
  }

  /** No more faults, and no more work. */
  calm(): void {
    this.#workload.stop();
    this.#nemesis.stop();
    this.#staleLeader.stop();
    for (const client of this.#clients) client.becomeReliable();
  }

  /** Liveness: every client writes and reads, nobody waits any more, all watchers have everything, all members are equal. */
  async heal(): Promise<void> {
    const { electionMs } = this.#settings;
    const deadline = this.#scheduler.now + healingElections * electionMs + healingClientsMs;
    const waiting = new Set<string>();
    for (const client of this.#clients) {
      for (const what of ['write', 'read'] as const) {
        const name = `${what} of ${client.name}`;
        waiting.add(name);
        const attempt = (): void => {
          if (what === 'read') this.#workload.readKey(client, 'linearizable', done);
          else this.#workload.write(client, this.#workload.put(), done);
        };
        const done = (outcome: object): void => {
          if ('result' in outcome) waiting.delete(name);
          else attempt();
        };
        attempt();
      }
    }
    while (!(waiting.size === 0 && this.#isSettled())) {
      demand(this.#scheduler.now < deadline, 'liveness', () => this.#describeUnsettled([...waiting]));
      await this.until(this.#scheduler.now + electionMs / 2);
    }
    for (const observer of this.#observers) observer.ended?.(this.#oracle, this.#hosts);
  }

  #isSettled(): boolean {
    return (
      this.#clients.every((client) => client.pendingCount === 0) &&
      this.#hosts.every(
        (host) => host.member?.raft.applied === this.#oracle.index && host.member.counts.pending === 0,
      ) &&
      this.#watches.isComplete
    );
  }

  #describeUnsettled(waiting: readonly string[]): string {
    const members = this.#hosts.map(({ id, isUp, member }) => {
      if (member === null) return `${id} ${isUp ? 'starting' : 'down'}`;
      const { applied, committed, leader, role, term } = member.raft;
      return `${id} ${role} term ${term} leader ${leader} committed ${committed} applied ${applied} pending ${member.counts.pending}`;
    });
    const clients = this.#clients.map(({ name, pendingCount }) => `${name} ${pendingCount}`);
    return `${members.join('; ')}; of ${this.#oracle.index}; unanswered: ${clients.join()}; ${waiting.join()}; watches complete: ${this.#watches.isComplete}`;
  }

  report(): MemberRunReport {
    const sum = (of: (host: MemberHost) => number): number => this.#hosts.reduce((total, host) => total + of(host), 0);
    return {
      hash: this.#trace.hash,
      simulatedMs: this.#scheduler.now,
      events: this.#scheduler.eventCount,
      entries: this.#oracle.index,
      terms: Math.max(...this.#hosts.map(({ member }) => member?.raft.term ?? 0)),
      faults: { ...this.#nemesis.counts, ...this.#staleLeader.counts },
      network: this.#network.counts,
      disk: {
        writes: sum(({ counts }) => counts.writes),
        stalls: sum(({ counts }) => counts.stalls),
        failed: sum(({ counts }) => counts.failed),
        fatal: sum(({ counts }) => counts.fatal),
      },
      load: this.#workload.counts,
      seen: {
        grants: this.#holds.grants,
        expired: this.#leases.expired,
        sessionsLost: this.#clients.reduce((total, { sessionsLost }) => total + sessionsLost, 0),
        resumed: this.#clients.reduce((total, { resumed }) => total + resumed, 0),
        delivered: this.#watches.delivered,
        checked: this.#keys.checked,
      },
    };
  }
}
