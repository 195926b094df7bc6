import { createHash } from 'node:crypto';
import type { Configuration, Entry, Index, MemberId } from '@conclave/core';
import {
  type Cancel,
  type Environment,
  Member,
  type MemberSettings,
  type PeerTransport,
  type Store,
} from '@conclave/member';
import type { Checkpoint, LogStore, StateStore, Storage } from '@conclave/storage';
import { initMemoryStorage, MemoryDisk, openMemoryStorage, type PendingWrite } from '@conclave/storage/memory';
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';
import type { ScheduledEvent, Scheduler } from '../scheduler.ts';
import type { Trace } from '../trace.ts';
import { Violation } from '../violation.ts';
import type { Microtasks } from './microtasks.ts';
import type { Oracle } from './oracle.ts';
import { describeCauses, refusalOf } from './refusal.ts';
import type { MemberRunSettings } from './settings.ts';
import { touchingSnapshots } from './touching-snapshots.ts';

const wallBaseMs = 1_700_000_000_000;

type Kind = 'timers' | 'arrivals';

export interface HostWorld {
  readonly scheduler: Scheduler;
  readonly microtasks: Microtasks;
  readonly trace: Trace;
  readonly settings: MemberRunSettings;
  readonly oracle: Oracle;
  readonly transport: (from: MemberId) => PeerTransport;
  /** It runs now, or no more. */
  readonly lifeChanged: (host: MemberHost) => void;
  /** Ends the run: what is thrown where a promise calls would reach nobody. */
  readonly fail: (error: unknown) => void;
  readonly print: ((line: string) => void) | null;
}

/** One process with one member in it, on virtual time. It can crash, start again from its disk, stand still, and its disk can fail. */
export class MemberHost {
  readonly id: MemberId;
  readonly clock: Clock;
  readonly isFounder: boolean;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly counts: {
    writes: number;
    stalls: number;
    failed: number;
    fatal: number;
    exports: number;
    installed: number;
  } = {
    exports: 0,
    installed: 0,
    writes: 0,
    stalls: 0,
    failed: 0,
    fatal: 0,
  };
  readonly #world: HostWorld;
  readonly #random: Random;
  readonly #disk: MemoryDisk;
  readonly #settings: MemberSettings;
  #member: Member | null = null;
  #storage: Storage | null = null;
  #isStarted = false;
  /** Grows with each crash: what was under way before it is nobody's. */
  #life = 0;
  #pausedUntil = 0;
  /** Its machine is no more. */
  isLost = false;
  #deferred: Record<Kind, (() => void)[]> = { timers: [], arrivals: [] };
  #soon: (() => void)[] = [];
  #nextStall: number;
  #stalledUntil = 0;
  #nextWriteError: number;
  #isReliable = false;
  /** The log as it was handed to the disk, and how much of it the oracle has seen applied. */
  #entries: Entry[] = [];
  /** What comes before was in a snapshot, or left the log. */
  #base = 0;
  #witnessed = 0;

  constructor(settings: MemberSettings, configuration: Configuration, clock: Clock, random: Random, world: HostWorld) {
    this.id = settings.id;
    this.clock = clock;
    this.#settings = settings;
    this.#random = random;
    this.#world = world;
    this.#nextStall = random.exponential(world.settings.disk.meanStallEveryMs);
    this.#nextWriteError = random.exponential(world.settings.writeErrorEveryMs);
    this.#disk = new MemoryDisk({ onWrite: (write) => this.#write(write) });
    const storeUuid = `00000000-0000-4000-8000-${settings.id.toString().padStart(12, '0')}`;
    this.isFounder = settings.joinSecret === null;
    const own = settings.members.find(({ id }) => id === settings.id);
    this.clientUrl = own?.clientUrl ?? '';
    this.peerUrl = own?.peerUrl ?? '';
    initMemoryStorage(this.#disk, { clusterId: settings.clusterId, memberId: settings.id, storeUuid, configuration });
  }

  get member(): Member | null {
    return this.#member;
  }

  /** Its last durable one. */
  get checkpoint(): Checkpoint | null {
    return this.#storage?.state.checkpointed ?? null;
  }

  get isUp(): boolean {
    return this.#isStarted;
  }

  get leads(): boolean {
    return this.#member?.raft.role === 'leader';
  }

  /** It is, or will be again, a member of the cluster as far as it knows. */
  get isPresent(): boolean {
    return !this.isLost && (this.#member?.removed ?? null) === null;
  }

  get life(): number {
    return this.#life;
  }

  get isPaused(): boolean {
    return this.#world.scheduler.now < this.#pausedUntil;
  }

  lose(): void {
    this.isLost = true;
    this.crash();
  }

  /** It was only switched off. */
  findAgain(): void {
    this.isLost = false;
    this.start();
  }

  start(): void {
    if (this.isLost) return;
    const life = this.#life;
    this.#isStarted = true;
    this.#world.microtasks.touch();
    void this.#run(life);
  }

  async #run(life: number): Promise<void> {
    try {
      const member = await this.#open();
      if (life !== this.#life) return;
      this.#member = member;
      member.start();
      this.#world.lifeChanged(this);
    } catch (error) {
      if (life === this.#life) this.#world.fail(refusalOf(error, this.id));
    }
  }

  async #open(): Promise<Member> {
    const { clusterId, id } = this.#settings;
    const storage = await openMemoryStorage(this.#disk, { clusterId, memberId: id });
    this.#storage = storage;
    const { recovered, tail } = storage.log;
    this.#base = recovered.base.index;
    const first = (this.#base + 1) as Index;
    this.#entries = tail < first ? [] : [...(await storage.log.read(first, tail, Number.POSITIVE_INFINITY))];
    this.#witnessed = storage.state.checkpointed?.position.index ?? 0;
    const store = this.#observed(storage);
    return Member.open(this.#settings, this.#environment(store), storage.storeUuid);
  }

  crash(): void {
    if (!this.#isStarted) return;
    this.#life++;
    this.#isStarted = false;
    this.#member = null;
    this.#pausedUntil = 0;
    this.#deferred = { timers: [], arrivals: [] };
    this.#soon = [];
    this.#disk.crash({ log: this.#random.integer(0, 2), state: this.#random.integer(0, 2) });
    this.#world.lifeChanged(this);
  }

  pause(durationMs: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#world.scheduler.now + durationMs);
    this.#at(this.#pausedUntil, () => this.#resume());
  }

  resume(): void {
    this.#pausedUntil = 0;
    this.#resume();
  }

  becomeReliable(): void {
    this.#isReliable = true;
  }

  /** After SIGSTOP timers run first, and then the sockets are read (measured on Node 20). */
  #resume(): void {
    if (this.isPaused) return;
    const { arrivals, timers } = this.#deferred;
    this.#deferred = { timers: [], arrivals: [] };
    for (const act of [...timers, ...arrivals]) this.enter('timers', act);
  }

  /** Does something in this process, or leaves it until it is no longer paused. */
  enter(kind: Kind, act: () => void): void {
    if (!this.#isStarted) return;
    if (this.isPaused) {
      this.#deferred[kind].push(act);
      return;
    }
    act();
    this.#witness();
  }

  #at(timeMs: number, act: () => void): ScheduledEvent {
    const life = this.#life;
    return this.#world.scheduler.at(timeMs, () => {
      if (life === this.#life) act();
    });
  }

  #after(delayMs: number, run: () => void): Cancel {
    const { scheduler } = this.#world;
    let isCancelled = false;
    const due = this.#at(this.clock.trueTime(this.clock.now() + delayMs), () =>
      this.enter('timers', () => {
        if (!isCancelled) run();
      }),
    );
    return () => {
      isCancelled = true;
      scheduler.cancel(due);
    };
  }

  #runSoon(run: () => void): void {
    this.#soon.push(run);
    if (this.#soon.length > 1) return;
    const { scheduler, settings } = this.#world;
    this.#at(scheduler.now + this.#random.between(0, settings.maxTurnMs), this.#enterTurn);
  }

  readonly #enterTurn = (): void => this.enter('timers', this.#turn);

  readonly #turn = (): void => {
    const turn = this.#soon;
    this.#soon = [];
    const life = this.#life;
    for (const act of turn) if (life === this.#life) act();
  };

  #environment(store: Environment['store']): Environment {
    const { print, scheduler, trace, transport } = this.#world;
    const life = this.#life;
    const say = (level: string) => (facts: Readonly<Record<string, unknown>>, message: string) =>
      print?.(`${scheduler.now.toFixed(3).padStart(11)}  ${this.id} ${level} ${message} ${JSON.stringify(facts)}`);
    return {
      clock: { nowMs: () => this.clock.now(), wallMs: () => wallBaseMs + this.clock.now() },
      // What a promise of an earlier life still asks for is nobody's.
      timers: {
        after: (delayMs, run) => (life === this.#life ? this.#after(delayMs, run) : () => {}),
        soon: (run) => {
          if (life === this.#life) this.#runSoon(run);
        },
      },
      prng: this.#random.fork('member'),
      log: { info: say('info'), warn: say('warn'), error: say('error') },
      transport: transport(this.id),
      store,
      hash: (bytes) => createHash('sha256').update(bytes).digest(),
      onFatal: (error) => {
        // What an earlier life still does, on a disk that is not its any more, no process would have lived to do.
        if (life !== this.#life) return;
        // A failed write ends the process; anything else is a defect of the member.
        if (!/injected/.test(describeCauses(error)))
          return this.#world.fail(new Violation('no defect', `member ${this.id}: ${error.stack}`));
        this.counts.fatal++;
        trace.record(scheduler.now, 90, this.id, 0, 0, () => `member ${this.id} ends`);
        this.crash();
      },
    };
  }

  #observed(storage: Storage): Store {
    let seen = { of: storage.state, state: this.#observedState(storage.state) };
    const observedState = (state: StateStore): StateStore => this.#observedState(state);
    return {
      log: this.#observedLog(storage.log),
      snapshots: touchingSnapshots(storage.snapshots, this.#world.microtasks, () => this.counts.exports++),
      space: async () => {
        this.#world.microtasks.touch();
        return storage.space();
      },
      restoreReserve: async () => {
        this.#world.microtasks.touch();
        return storage.restoreReserve();
      },
      get state() {
        if (seen.of !== storage.state) seen = { of: storage.state, state: observedState(storage.state) };
        return seen.state;
      },
    };
  }

  #observedLog(log: LogStore): LogStore {
    const { microtasks } = this.#world;
    return {
      recovered: log.recovered,
      get peerStores() {
        return log.peerStores;
      },
      get tail() {
        return log.tail;
      },
      persist: async (jobs) => {
        microtasks.touch();
        for (const { entries, snapshot } of jobs) {
          if (snapshot !== null) {
            this.counts.installed++;
            this.#base = snapshot.position.index;
            this.#entries = [];
          }
          const first = entries[0];
          if (first !== undefined) this.#entries.length = first.index - 1 - this.#base;
          this.#entries.push(...entries);
        }
        return log.persist(jobs);
      },
      read: async (from, to, maxBytes) => {
        microtasks.touch();
        return log.read(from, to, maxBytes);
      },
      notePeerStore: async (memberId, storeUuid, gone) => {
        microtasks.touch();
        return log.notePeerStore(memberId, storeUuid, gone);
      },
    };
  }

  #observedState(state: StateStore): StateStore {
    const { microtasks, oracle } = this.#world;
    return {
      get checkpointed() {
        return state.checkpointed;
      },
      checkpoint: async (next) => {
        microtasks.touch();
        oracle.checkpointed(this.id, next.position.index, next.digest);
        return state.checkpoint(next);
      },
      get: (key) => state.get(key),
      scan: (range) => state.scan(range),
      scrub: async (options) => state.scrub(options),
    };
  }

  /** What the member has applied since the last look is shown to the oracle. */
  #witness(): void {
    if (this.#member === null) return;
    const { applied } = this.#member;
    // What a snapshot brought was seen where it was made.
    if (applied >= this.#base) this.#witnessed = Math.max(this.#witnessed, this.#base);
    while (this.#witnessed < applied) {
      const entry = this.#entries[this.#witnessed - this.#base];
      if (entry === undefined) throw new Violation('members agree', `${this.id} applied ${applied}, and wrote less`);
      this.#world.oracle.witness(this.id, entry, this.#world.scheduler.now);
      this.#witnessed++;
    }
  }

  #write(write: PendingWrite): void {
    const { microtasks, scheduler, trace } = this.#world;
    this.counts.writes++;
    const doomed = !this.#isReliable && scheduler.now >= this.#nextWriteError;
    const at = this.#completionTime();
    this.#at(at, () =>
      this.enter('arrivals', () => {
        microtasks.touch();
        trace.record(
          scheduler.now,
          80,
          this.id,
          write.store === 'log' ? 1 : 2,
          0,
          () => `${this.id} ${write.store} durable`,
        );
        if (!doomed) return write.complete();
        this.counts.failed++;
        this.#nextWriteError = scheduler.now + this.#random.exponential(this.#world.settings.writeErrorEveryMs);
        write.fail(new Error('injected'), this.#random.chance(0.5));
      }),
    );
  }

  #completionTime(): number {
    const { maxStallMs, meanStallEveryMs, meanWriteMs, minWriteMs } = this.#world.settings.disk;
    const { now } = this.#world.scheduler;
    if (!this.#isReliable && now >= this.#nextStall) {
      this.counts.stalls++;
      this.#stalledUntil = now + this.#random.between(0, maxStallMs);
      this.#nextStall = this.#stalledUntil + this.#random.exponential(meanStallEveryMs);
    }
    return Math.max(now, this.#stalledUntil) + minWriteMs + this.#random.exponential(meanWriteMs);
  }
}
