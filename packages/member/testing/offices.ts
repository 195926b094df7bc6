import type { Prng } from '@conclave/core';
import { type CommandHeader, encodeCommand, encodeOperation, type LeaseId, type Operation } from '@conclave/protocol';
import { StateMachine } from '@conclave/state-machine';
import type { Barrier } from '../src/barrier.ts';
import { LeaseKeeper } from '../src/lease/lease-keeper.ts';
import type { CheckpointPace } from '../src/settings.ts';

interface Planned {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

interface Entry {
  readonly term: number;
  /** Null: the entry that opens a term. */
  readonly command: Uint8Array | null;
  readonly applied: (ended: boolean) => void;
}

export interface OfficesOptions {
  readonly heartbeatMs: number;
  readonly pace: CheckpointPace;
  /** How long leadership takes to be confirmed, and an entry to be committed, at most. */
  readonly delayMs: number;
  readonly prng: Prng;
}

const members = 3;

const nothing = (): void => {};

/**
 * Leaders one after the other, over one log: real keepers and a real state machine under virtual time, and nothing of Raft but what they rely on. What
 * a deposed leader has proposed and not committed is lost from some place on; its renewals are not confirmed any more.
 */
export class Offices {
  readonly #options: OfficesOptions;
  readonly machine: StateMachine = new StateMachine({ values: { read: () => undefined } });
  /** Leases and sessions by the time at which their expiry was applied. */
  readonly expired: Map<LeaseId, number> = new Map();
  /** Entries that took note of the time of leases. */
  checkpoints = 0;
  nowMs = 0;
  /** Nothing is committed by itself. */
  holds = false;
  #plan: Planned[] = [];
  #order = 0;
  #term = 0;
  #log: Entry[] = [];
  /** Of each member; one of them leads. */
  readonly #keepers: readonly LeaseKeeper[];
  #leader = 0;
  #clusterTimeMs = 0;
  #committing = false;

  constructor(options: OfficesOptions) {
    this.#options = options;
    this.#keepers = Array.from({ length: members }, (_, at) => this.#keeperOf(at));
  }

  after(delayMs: number, run: () => void): () => void {
    const planned = { atMs: this.nowMs + delayMs, order: this.#order++, run, cancelled: false };
    this.#plan.push(planned);
    return () => {
      planned.cancelled = true;
    };
  }

  runFor(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    for (;;) {
      let next: Planned | null = null;
      this.#plan = this.#plan.filter(({ cancelled }) => !cancelled);
      for (const one of this.#plan) {
        if (next === null || one.atMs < next.atMs || (one.atMs === next.atMs && one.order < next.order)) next = one;
      }
      if (next === null || next.atMs > untilMs) break;
      next.cancelled = true;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = untilMs;
  }

  /** Another leader is elected. It keeps time from when its state holds everything from before; it takes proposals from now on. */
  elect(): void {
    this.#keeper.leaveOffice();
    this.#log.length = Math.floor(this.#options.prng.next() * (this.#log.length + 1));
    this.#term++;
    this.#leader = (this.#leader + 1) % members;
    this.#append({ term: this.#term, command: null, applied: nothing });
  }

  get #keeper(): LeaseKeeper {
    return this.#keepers[this.#leader] as LeaseKeeper;
  }

  #keeperOf(member: number): LeaseKeeper {
    const clock = { nowMs: () => this.nowMs, wallMs: () => 0 };
    const timers = { after: this.after.bind(this), soon: (run: () => void) => void this.after(0, run) };
    const log = { info: nothing, warn: nothing, error: nothing };
    const barrier: Pick<Barrier, 'wait'> = {
      wait: (done) => {
        const term = this.#term;
        const leads = this.#leader === member;
        this.after(this.#delay(), () => done(leads && this.#term === term));
      },
    };
    const { heartbeatMs, pace: leaseCheckpoints } = this.#options;
    const settings = { heartbeatMs, leaseCheckpoints };
    return new LeaseKeeper(this.machine, barrier, { clock, timers, log }, settings, (decide) => {
      const term = this.#term;
      // What is to be decided waits for its turn, as in the queue of proposals.
      this.after(this.#delay(), () => {
        const operation = this.#term === term ? decide() : null;
        if (operation !== null) this.#append({ term, command: this.#command(operation), applied: nothing });
      });
    });
  }

  get isInOffice(): boolean {
    return this.#keeper.isInOffice;
  }

  renew(lease: LeaseId, done: (ttlMs: number | null, confirmed: boolean) => void): void {
    this.#keeper.renew([lease], (ttlsMs) => done(ttlsMs?.[0] ?? null, ttlsMs !== null));
  }

  /** `settle` is told whether it was answered, when it is applied; never, if it was lost with its leader. */
  mutate(operation: Operation, identity: CommandHeader['identity'], settle: (isAnswered: boolean) => void): void {
    const term = this.#term;
    this.after(this.#delay(), () => {
      if (this.#term !== term || term === 0) return;
      if (identity.by === 'session') this.#keeper.signOfLife(identity.session);
      this.#append({ term, command: this.#command(encodeOperation(operation), identity), applied: settle });
    });
  }

  #delay(): number {
    return 1 + this.#options.prng.next() * this.#options.delayMs;
  }

  #command(operation: Uint8Array, identity: CommandHeader['identity'] = { by: 'none' }): Uint8Array {
    this.#clusterTimeMs = Math.floor(this.nowMs);
    const header = {
      version: 1,
      clusterTimeMs: this.#clusterTimeMs,
      wallTimeMs: 0,
      identity,
      author: null,
      reason: null,
    };
    return encodeCommand(header, operation);
  }

  #append(entry: Entry): void {
    this.#log.push(entry);
    this.#commit();
  }

  /** Entries that are not committed. */
  get waiting(): number {
    return this.#log.length;
  }

  commitOne(): void {
    const entry = this.#log.shift();
    if (entry !== undefined) this.#apply(entry);
  }

  release(): void {
    this.holds = false;
    this.#commit();
  }

  #commit(): void {
    if (this.holds || this.#committing || this.#log.length === 0) return;
    this.#committing = true;
    this.after(this.#delay(), () => {
      this.#committing = false;
      if (!this.holds) this.commitOne();
      this.#commit();
    });
  }

  #apply({ applied: settle, command, term }: Entry): void {
    const applied = this.machine.apply(this.machine.applied.index + 1, term, command);
    for (const change of applied.deadlines) {
      if (change.type === 'leaseEnded') this.expired.set(change.lease, this.nowMs);
      if (change.type === 'leasesCheckpointed') this.checkpoints++;
    }
    for (const keeper of this.#keepers) {
      if (keeper === this.#keeper && term === this.#term && !keeper.isInOffice) keeper.takeOffice(term);
      else keeper.changed(term, applied.deadlines);
    }
    settle(applied.response !== null && applied.response.type !== 'error');
  }
}
