import type { Message } from '@conclave/core';
import type { Observer } from './observer.ts';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { FaultSettings } from './swarm.ts';

export type FaultCounts = Record<
  'crash' | 'crashAll' | 'telling' | 'leader' | 'pause' | 'halves' | 'isolate' | 'oneWay' | 'bridge',
  number
>;

/** A process, as far as one can hurt it. */
export interface Victim {
  readonly id: number;
  readonly isUp: boolean;
  /** It believes to lead. */
  readonly leads: boolean;
  start(): void;
  crash(): void;
  pause(durationMs: number): void;
  resume(): void;
  /** Its disk has no more faults. */
  becomeReliable(): void;
}

export interface Breakable {
  readonly hosts: readonly Victim[];
  readonly network: { cut(from: number, to: number): void; heal(): void; becomeReliable(): void };
}

/** After which messages a crash tells most, and how often there is one. Votes are rare, acknowledgements are not. */
const tellingMessages: ReadonlyMap<Message['type'], number> = new Map([
  ['vote', 0.05],
  ['voteResponse', 0.2],
  ['appendAccepted', 0.002],
  ['readIndexRequest', 0.02],
]);
const maxTellingDownMs = 5;
const deafAfterMs = 5;

/** Breaks things, each kind of fault in a rhythm of its own, until it is told to stop. */
export class Nemesis implements Observer {
  readonly name = 'nemesis';
  readonly counts: FaultCounts = {
    crash: 0,
    crashAll: 0,
    telling: 0,
    leader: 0,
    pause: 0,
    halves: 0,
    isolate: 0,
    oneWay: 0,
    bridge: 0,
  };
  readonly #cluster: Breakable;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #settings: FaultSettings;
  #stopped = false;

  constructor(cluster: Breakable, scheduler: Scheduler, random: Random, settings: FaultSettings) {
    this.#cluster = cluster;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#settings = settings;
    this.#every(settings.crashEveryMs, () => this.#crashOne());
    this.#every(settings.crashAllEveryMs, () => this.#crashAll());
    this.#every(settings.leaderEveryMs, () => this.#hitLeader());
    this.#every(settings.pauseEveryMs, () => this.#pauseOne());
    this.#every(settings.partitionEveryMs, () => this.#partition());
  }

  /** No more faults, and everything that is broken is mended. */
  stop(): void {
    this.#stopped = true;
    this.#cluster.network.becomeReliable();
    for (const host of this.#cluster.hosts) {
      host.becomeReliable();
      if (host.isUp) host.resume();
      else host.start();
    }
  }

  sent(host: Victim, message: Message): void {
    const share = (tellingMessages.get(message.type) ?? 0) * this.#settings.tellingCrashRate;
    if (this.#stopped || !this.#random.chance(share)) return;
    this.counts.telling++;
    this.#scheduler.after(0, () => {
      if (!this.#stopped && host.isUp) this.#crash(host, maxTellingDownMs);
    });
  }

  #every(meanMs: number, act: () => void): void {
    if (meanMs === Number.POSITIVE_INFINITY) return;
    this.#scheduler.after(this.#random.exponential(meanMs), () => {
      if (this.#stopped) return;
      act();
      this.#every(meanMs, act);
    });
  }

  #crashOne(): void {
    const up = this.#cluster.hosts.filter((host) => host.isUp);
    if (up.length > 0) this.#crash(this.#random.pick(up));
    this.counts.crash++;
  }

  #crashAll(): void {
    for (const host of this.#cluster.hosts) if (host.isUp) this.#crash(host);
    this.counts.crashAll++;
  }

  #crash(host: Victim, maxDownMs: number = this.#settings.maxDownMs): void {
    host.crash();
    this.#scheduler.after(this.#random.between(0, maxDownMs), () => {
      if (this.#stopped || host.isUp) return;
      host.start();
      if (!this.#random.chance(this.#settings.muteRestartRate)) return;
      const others = this.#cluster.hosts.map((other) => other.id).filter((id) => id !== host.id);
      this.#cut('oneWay', [host.id, ...others]);
    });
  }

  #hitLeader(): void {
    const leaders = this.#cluster.hosts.filter((host) => host.leads);
    if (leaders.length === 0) return;
    const leader = this.#random.pick(leaders);
    const kind = this.#random.pick(this.#settings.leaderFaults);
    this.counts.leader++;
    if (kind === 'crash') this.#crash(leader);
    else if (kind === 'pause') leader.pause(this.#random.between(0, this.#settings.maxPauseMs));
    else if (kind === 'deaf') this.#deafen(leader);
    else if (kind === 'bereft') this.#bereave(leader);
    else this.#isolate(kind, leader);
  }

  /** It stands still, and when it goes on it has heard of nothing that happened meanwhile, but for what was already on its way. */
  #deafen(leader: Victim): void {
    leader.pause(this.#random.between(0, this.#settings.maxPauseMs));
    this.#scheduler.after(deafAfterMs, () => {
      if (!this.#stopped) this.#isolate('isolate', leader);
    });
  }

  /** One member has not heard it for long; then it stands still, and those who heard it until then start anew. */
  #bereave(leader: Victim): void {
    const [stranger, ...others] = this.#random.shuffle(
      this.#cluster.hosts.filter((host) => host !== leader && host.isUp),
    );
    if (stranger === undefined) return;
    this.#cluster.network.cut(leader.id, stranger.id);
    this.#cluster.network.cut(stranger.id, leader.id);
    this.#scheduler.after(this.#random.between(0, this.#settings.maxPauseMs), () => {
      if (this.#stopped || !leader.leads) return;
      this.#deafen(leader);
      for (const other of others) if (other.isUp) this.#crash(other);
    });
  }

  #isolate(kind: 'isolate' | 'oneWay', one: Victim): void {
    this.#cut(kind, [one.id, ...this.#cluster.hosts.map((host) => host.id).filter((id) => id !== one.id)]);
  }

  #pauseOne(): void {
    const up = this.#cluster.hosts.filter((host) => host.isUp);
    if (up.length === 0) return;
    this.#random.pick(up).pause(this.#random.between(0, this.#settings.maxPauseMs));
    this.counts.pause++;
  }

  #partition(): void {
    const ids = this.#random.shuffle(this.#cluster.hosts.map((host) => host.id));
    this.#cut(this.#random.pick(['halves', 'isolate', 'oneWay', 'bridge'] as const), ids);
  }

  #cut(kind: Partition, ids: readonly number[]): void {
    const { network } = this.#cluster;
    if (ids.length < 2) return;
    network.heal();
    this.counts[kind]++;
    for (const [from, to] of cutLinks(kind, ids, this.#random)) network.cut(from, to);
    this.#scheduler.after(this.#random.between(0, this.#settings.maxPartitionMs), () => network.heal());
  }
}

type Partition = 'halves' | 'isolate' | 'oneWay' | 'bridge';

/**
 * `halves`: two sides that do not hear each other. `isolate`: one against all. `oneWay`: one is heard by nobody but hears all. `bridge`: two
 * sides that only one member in the middle hears (Cloudflare, 2020-11-02; openraft #2080).
 */
function cutLinks(
  kind: 'halves' | 'isolate' | 'oneWay' | 'bridge',
  ids: readonly number[],
  random: Random,
): [number, number][] {
  const [first = 0, ...others] = ids;
  if (kind === 'isolate')
    return others.flatMap((other): [number, number][] => [
      [first, other],
      [other, first],
    ]);
  if (kind === 'oneWay') return others.map((other): [number, number] => [first, other]);
  const split = random.integer(1, Math.max(2, ids.length));
  const sides = kind === 'halves' ? ids : others;
  const left = sides.slice(0, split);
  const right = sides.slice(split);
  return left.flatMap((a) =>
    right.flatMap((b): [number, number][] => [
      [a, b],
      [b, a],
    ]),
  );
}
