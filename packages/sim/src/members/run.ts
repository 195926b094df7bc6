import { type Configuration, configurationOf, emptyConfiguration, type MemberId, membersOf } from '@conclave/core';
import type { MemberAddress } from '@conclave/member';
import { Clock } from '../clock.ts';
import { type FaultCounts, Nemesis } from '../nemesis.ts';
import { Random } from '../random.ts';
import { Scheduler } from '../scheduler.ts';
import { Trace } from '../trace.ts';
import { demand, Violation } from '../violation.ts';
import { type CallCounts, Calls } from './calls.ts';
import { ClientProcess } from './client-process.ts';
import { Holders } from './holders.ts';
import { MemberHost } from './host.ts';
import { type Judged, Judges } from './judges.ts';
import { Microtasks } from './microtasks.ts';
import type { MemberObserver } from './observer.ts';
import { type Joiner, MemberOperator } from './operator.ts';
import { Oracle } from './oracle.ts';
import { Overseer } from './overseer.ts';
import { PeerNetwork } from './peer-network.ts';
import { VirtualProcess } from './process.ts';
import { beginReading, countReaders, type Reader, type ReaderCounts } from './readers.ts';
import { Roamer, type RoamerCounts } from './roamer.ts';
import type { MemberRunSettings } from './settings.ts';
import { StaleLeader } from './stale-leader.ts';
import { Workload } from './workload.ts';

export interface MemberRunReport {
  readonly hash: string;
  readonly simulatedMs: number;
  readonly events: number;
  readonly entries: number;
  readonly terms: number;
  readonly faults: FaultCounts & StaleLeader['counts'];
  readonly network: PeerNetwork['counts'];
  readonly operator: MemberOperator['counts'];
  readonly disk: MemberHost['counts'];
  readonly roamers: RoamerCounts;
  readonly load: CallCounts & Holders['counts'] & Overseer['counts'] & Workload['counts'];
  readonly seen: Judged &
    ReaderCounts & {
      readonly connections: number;
      readonly sessions: number;
      readonly sessionsLost: number;
      /** Checkpoints of members that were compared with the history. */
      readonly compared: number;
    };
}

/** Healing takes so many election timeouts, and what client patience and time to live add. */
const healingElections = 60;
const healingClientsMs = 20_000;
/** More than the SDK waits for when it is closed. */
const closingMs = 3_000;

/** Whole members, from sockets to disks, with applications and the SDK; one seed decides everything. Rejects with a Violation. */
export async function simulateMembers(
  seed: number,
  settings: MemberRunSettings,
  print: ((line: string) => void) | null = null,
): Promise<MemberRunReport> {
  return new Promise((resolve, reject) => {
    // Not out of a promise: nothing that waits for one would run before the run is over.
    setImmediate(() => {
      const run = new MemberRun(seed, settings, print);
      const rejected = (error: unknown): void => run.fail(new Violation('no defect', `unhandled: ${String(error)}`));
      process.on('unhandledRejection', rejected);
      try {
        run.until(settings.safetyMs);
        run.calm();
        run.heal();
        run.loseAllPower();
        run.close();
        resolve(run.report());
      } catch (error) {
        reject(error);
      } finally {
        process.off('unhandledRejection', rejected);
      }
    });
  });
}

class MemberRun {
  readonly #settings: MemberRunSettings;
  readonly #scheduler = new Scheduler();
  readonly #microtasks = new Microtasks();
  readonly #trace: Trace;
  readonly #oracle: Oracle;
  readonly #network: PeerNetwork;
  readonly #hosts: MemberHost[] = [];
  readonly #hostRandom: Random;
  readonly #print: ((line: string) => void) | null;
  /** Those that live. */
  readonly #clients: ClientProcess[] = [];
  readonly #readers: Reader[] = [];
  readonly #observers: MemberObserver[] = [];
  readonly #judges: Judges;
  readonly #calls: Calls;
  readonly #holders: Holders;
  readonly #overseer: Overseer;
  readonly #workload: Workload;
  readonly #nemesis: Nemesis;
  readonly #staleLeader: StaleLeader;
  readonly #operator: MemberOperator;
  readonly #clientRandom: Random;
  #clientsMade = 0;
  /** There are no more faults. */
  #isCalm = false;
  readonly #roamers: Roamer[] = [];
  readonly #roamerCounts: RoamerCounts = { moves: 0, late: 0, strange: 0, resent: 0, acknowledged: 0 };
  #roamerValues = 0;
  readonly #clientCounts = { connections: 0, sessions: 0, sessionsLost: 0 };
  #failure: unknown = null;

  constructor(seed: number, settings: MemberRunSettings, print: ((line: string) => void) | null) {
    const random = new Random(seed);
    const scheduler = this.#scheduler;
    this.#settings = settings;
    this.#trace = new Trace(print);
    this.#oracle = new Oracle((applied) => {
      for (const observer of this.#observers) observer.applied?.(applied);
      this.#judges.history.tell();
    });
    const microtasks = this.#microtasks;
    const trace = this.#trace;
    const fail = (error: unknown): void => this.fail(error);
    this.#print = print;
    this.#network = new PeerNetwork({ scheduler, microtasks, random: random.fork('network'), trace, settings, fail });
    this.#hostRandom = random.fork('hosts');
    this.#found();
    this.#network.connect(this.#hosts);
    for (const host of this.#hosts) host.start();
    const clients = this.#clients;
    this.#clientRandom = random.fork('clients');
    this.#judges = new Judges(
      this.#observers,
      clients,
      this.#readers,
      this.#oracle,
      electionNames(settings.clients.locks),
    );
    const { history, keys } = this.#judges;
    this.#calls = new Calls(this.#observers, random.fork('calls'), () => this.#oracle.index);
    this.#holders = new Holders({
      settings: settings.clients,
      random: random.fork('holders'),
      calls: this.#calls,
      observers: this.#observers,
    });
    this.#overseer = new Overseer({ clients, random: random.fork('overseer'), calls: this.#calls, history });
    this.#workload = new Workload({
      clients,
      settings: settings.clients,
      scheduler,
      random: random.fork('workload'),
      oracle: this.#oracle,
      keys,
      calls: this.#calls,
      holders: this.#holders,
      overseer: this.#overseer,
      replace: (client) => this.#replace(client),
    });
    this.#observers.push(this.#workload);
    this.#operator = new MemberOperator({
      settings: settings.operator,
      electionMs: settings.electionMs,
      scheduler,
      random: random.fork('operator'),
      hosts: this.#hosts,
      clients,
      start: (joiner) => this.#join(joiner),
    });
    this.#observers.push(this.#operator);
    for (let count = 0; count < settings.clients.count; count++) this.#addClient();
    for (let nth = 1; nth <= settings.roamers.count; nth++) this.#addRoamer(nth, random.fork(`roamer ${nth}`));
    const cluster = { hosts: this.#hosts, network: this.#network, clients };
    this.#nemesis = new Nemesis(cluster, scheduler, random.fork('nemesis'), settings.faults);
    const rhythm = { everyMs: settings.staleLeaderEveryMs, electionMs: settings.electionMs };
    this.#staleLeader = new StaleLeader(cluster, scheduler, random.fork('stale'), rhythm);
  }

  /** The first one ends the run: what is thrown where a promise calls would reach nobody. */
  fail(error: unknown): void {
    this.#failure ??= error;
  }

  #found(): void {
    const ids = Array.from({ length: this.#settings.members }, (_, at) => (at + 1) as MemberId);
    const founders = ids.map((id) => ({ id, name: `m${id}`, clientUrl: `ws://m${id}:1`, peerUrl: `ws://p${id}:1` }));
    for (const id of ids) this.#hosts.push(this.#makeHost(id, founders, configurationOf(ids), null));
  }

  /** It knows where the others are, and nothing else. */
  #join({ clientUrl, id, joinSecret, peerUrl }: Joiner): void {
    const others = this.#hosts.map((host) => ({
      id: host.id,
      name: `m${host.id}`,
      clientUrl: host.clientUrl,
      peerUrl: host.peerUrl,
    }));
    const own = { id, name: `member-${id}`, clientUrl, peerUrl };
    const host = this.#makeHost(id, [...others, own], emptyConfiguration, joinSecret);
    this.#network.join(host, this.#hosts);
    this.#hosts.push(host);
    // Announced while there were faults, and switched on when there are none any more.
    if (this.#isCalm) host.becomeReliable();
    host.start();
  }

  #makeHost(
    id: MemberId,
    members: readonly MemberAddress[],
    configuration: Configuration,
    joinSecret: Uint8Array | null,
  ): MemberHost {
    const { electionMs, faults, heartbeatMs, keptLog, leaseCheckpoints } = this.#settings;
    const own = this.#hostRandom.fork(`host ${id}`);
    const limits = { electionMs, heartbeatMs, keptLog, leaseCheckpoints };
    const settings = { id, clusterId: 'sim', members, peerUrl: null, joinSecret, ...limits, pid: null };
    return new MemberHost(settings, configuration, this.#clock(own, faults.clockDrift), own, {
      scheduler: this.#scheduler,
      microtasks: this.#microtasks,
      trace: this.#trace,
      settings: this.#settings,
      oracle: this.#oracle,
      transport: (from) => this.#network.transport(from),
      lifeChanged: (host) => this.#lifeChanged(host),
      fail: (error) => this.fail(error),
      print: this.#print,
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

  #addClient(): void {
    const { clients, clientBreakEveryMs, faults, meanDelayMs, minDelayMs } = this.#settings;
    const scheduler = this.#scheduler;
    const name = `c${++this.#clientsMade}`;
    const random = this.#clientRandom.fork(name);
    const clock = this.#clock(random, faults.clockDrift);
    const client = new ClientProcess(name, random.pick(clients.ttlsMs), clock, random, {
      scheduler,
      microtasks: this.#microtasks,
      sockets: { scheduler, random: random.fork('socket'), trace: this.#trace, minDelayMs, meanDelayMs },
      hosts: this.#hosts,
      breakEveryMs: clientBreakEveryMs,
      suffering: clients.suffering,
      fail: (error) => this.fail(error),
    });
    this.#clients.push(client);
    const { revision } = this.#oracle;
    this.#readers.push(...beginReading(client, random, clients.watchBufferBytes, revision, this.#observers));
    this.#workload.begin(client);
  }

  #addRoamer(nth: number, random: Random): void {
    const { faults, meanDelayMs, minDelayMs, roamers } = this.#settings;
    const scheduler = this.#scheduler;
    const clock = this.#clock(random, faults.clockDrift);
    const process = new VirtualProcess(scheduler, this.#microtasks, clock, (error) => this.fail(error));
    const roamer = new Roamer(`roamer ${nth}`, process, {
      settings: roamers,
      random: random.fork('work'),
      hosts: this.#hosts,
      sockets: { scheduler, random: random.fork('socket'), trace: this.#trace, minDelayMs, meanDelayMs },
      observers: this.#observers,
      counts: this.#roamerCounts,
      nextValue: () => `v${nth}-${++this.#roamerValues}`,
    });
    this.#roamers.push(roamer);
  }

  #replace(client: ClientProcess): void {
    client.kill();
    this.#clients.splice(this.#clients.indexOf(client), 1);
    this.#count(client);
    this.#addClient();
  }

  #count({ counts }: ClientProcess): void {
    this.#clientCounts.connections += counts.connections;
    this.#clientCounts.sessions += counts.sessions;
    this.#clientCounts.sessionsLost += counts.sessionsLost;
  }

  until(timeMs: number): void {
    const microtasks = this.#microtasks;
    microtasks.settle();
    while (this.#scheduler.step(timeMs)) {
      microtasks.settle();
      if (this.#failure !== null) throw this.#failure;
    }
  }

  /** No more faults, and no more work. */
  calm(): void {
    this.#isCalm = true;
    this.#workload.stop();
    this.#operator.stop();
    this.#nemesis.stop();
    this.#staleLeader.stop();
    for (const client of this.#clients) client.becomeReliable();
    for (const reader of this.#readers) reader.hurry();
    for (const roamer of this.#roamers) roamer.stop();
  }

  /** Liveness: every client writes and reads, nobody waits any more, all watchers have everything, all members are equal. */
  heal(): void {
    const { electionMs } = this.#settings;
    const deadline = this.#scheduler.now + healingElections * electionMs + healingClientsMs;
    const waiting = new Set(this.#clients);
    for (const client of this.#clients) {
      client.process.spawn(async () => {
        await this.#workload.prove(client);
        waiting.delete(client);
      });
    }
    while (!(waiting.size === 0 && this.#isSettled())) {
      demand(this.#scheduler.now < deadline, 'liveness', () => this.#describeUnsettled());
      this.until(this.#scheduler.now + electionMs / 2);
    }
    for (const observer of this.#observers) observer.ended?.(this.#oracle, this.#hosts);
  }

  /** Durability: the power goes everywhere at once, and everything that was ever applied is applied again, the same on every member. */
  loseAllPower(): void {
    for (const host of this.#hosts) host.crash();
    for (const host of this.#hosts) host.start();
    const least = this.#oracle.index;
    const deadline = this.#scheduler.now + healingElections * this.#settings.electionMs + healingClientsMs;
    while (!(this.#oracle.index > least && this.#isSettled())) {
      demand(this.#scheduler.now < deadline, 'durability', () => `of ${least}: ${this.#describeUnsettled()}`);
      this.until(this.#scheduler.now + this.#settings.electionMs / 2);
    }
  }

  /** Who takes part, as the member has it that has applied most, and is not lost for ever. */
  #presentHosts(): MemberHost[] {
    const newest = this.#hosts.toSorted((a, b) => (b.member?.applied ?? -1) - (a.member?.applied ?? -1))[0];
    const members = newest?.member === null ? [] : membersOf(newest?.member.raft.configuration ?? emptyConfiguration);
    return this.#hosts.filter(({ id, isLost }) => members.includes(id) && !isLost);
  }

  /** Whoever closes his client leaves nothing behind: no timer, no connection. */
  close(): void {
    const open = new Set(this.#clients);
    for (const client of this.#clients) {
      client.process.spawn(async () => {
        await client.close();
        open.delete(client);
      });
    }
    this.until(this.#scheduler.now + closingMs);
    for (const client of this.#clients) {
      const { timersRunning } = client.process;
      const isClean = !open.has(client) && timersRunning === 0 && !client.hasConnection;
      demand(isClean, 'clients close', () => `${client.name}: ${open.has(client)}, ${timersRunning} timers`);
    }
    for (const client of this.#clients.splice(0)) this.#count(client);
    for (const { checkpoint, id } of this.#hosts) {
      const { digest, position } = checkpoint ?? {};
      if (position?.index === this.#oracle.index && digest !== undefined)
        this.#oracle.checkpointed(id, position.index, digest);
    }
  }

  #isSettled(): boolean {
    return (
      this.#clients.every(({ pending, wishes }) => pending + wishes === 0) &&
      this.#judges.history.isEmpty &&
      this.#presentHosts().every(
        (host) => host.member?.applied === this.#oracle.index && host.member.counts.pending === 0,
      ) &&
      this.#judges.watches.isComplete
    );
  }

  #describeUnsettled(): string {
    const members = this.#hosts.map(({ id, isUp, member }) => {
      if (member === null) return `${id} ${isUp ? 'starting' : 'down'}`;
      const { applied, committed, leader, role, term } = member.raft;
      return `${id} ${role} term ${term} leader ${leader} committed ${committed} applied ${applied} pending ${member.counts.pending}`;
    });
    const clients = this.#clients.map(({ name, pending, wishes }) => `${name} ${pending} and ${wishes}`);
    return `${members.join('; ')}; of ${this.#oracle.index}; pending: ${clients.join()}; watches complete: ${this.#judges.watches.isComplete}; ${this.#judges.history.describe()}`;
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
      operator: this.#operator.counts,
      disk: {
        writes: sum(({ counts }) => counts.writes),
        stalls: sum(({ counts }) => counts.stalls),
        failed: sum(({ counts }) => counts.failed),
        fatal: sum(({ counts }) => counts.fatal),
        exports: sum(({ counts }) => counts.exports),
        installed: sum(({ counts }) => counts.installed),
      },
      roamers: this.#roamerCounts,
      load: { ...this.#calls.counts, ...this.#holders.counts, ...this.#overseer.counts, ...this.#workload.counts },
      seen: {
        ...this.#judges.seen,
        ...this.#clientCounts,
        ...countReaders(this.#readers),
        compared: this.#oracle.compared,
      },
    };
  }
}

/** As `drawWish` names them. */
function electionNames(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `l${at}`);
}
