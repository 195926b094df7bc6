import { encodeOperation, type LeaseId, type LockRequestId, limits } from '@conclave/protocol';
import type { DeadlineChange, StateMachine } from '@conclave/state-machine';
import type { Barrier } from '../barrier.ts';
import type { Cancel, Clock, Logger, Timers } from '../environment.ts';
import { bounds, type CheckpointPace, defaultCheckpointPace } from '../settings.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import { ExpiryAlarm } from './expiry-alarm.ts';
import { type Decide, LeaseCheckpoints, type LeaseTime } from './lease-checkpoints.ts';

/** Confirmed ttl by lease, in the order asked; null for one that has ended. Null as a whole: leadership could not be confirmed. */
export type Renewed = (ttlsMs: readonly (number | null)[] | null) => void;

/** How the leader brings in what it decides by itself. */
export type ProposeOwn = (decide: Decide) => void;

interface KeeperSettings {
  readonly heartbeatMs: number;
  readonly leaseCheckpoints?: CheckpointPace;
}

interface Lease {
  readonly generation: number;
  readonly ttlMs: number;
}

/**
 * A pause of the leader, or of the majority behind it, that costs no client its session: renewals go out three to a ttl, one that was refused is
 * repeated after a twelfth, and what waited in a socket is read before anything expires. So after half a ttl there was still time for one.
 */
function survivablePauseMs(ttlMs: number): number {
  return ttlMs / 2;
}

/**
 * Keeps the time of leases and lock-delays, on the leader only. A time to live is a lower bound: a new office gives every lease its whole ttl
 * again, or what an earlier one noted of a long one, and so does a pause (the loop stood still, no majority could be reached) to every lease that it was too long for. Why it is measured
 * by the ttl, and by nothing that a slow machine may exceed for ever: docs/decisions/expiry-tolerance.md.
 */
export class LeaseKeeper {
  readonly #machine: Pick<StateMachine, 'clusterTimeMs' | 'deadlines'>;
  readonly #barrier: Pick<Barrier, 'wait'>;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #log: Logger;
  readonly #propose: ProposeOwn;
  /** The clock is looked at this often: so it is known how long the loop stood still. */
  readonly #lookEveryMs: number;
  readonly #leases = new Map<LeaseId, Lease>();
  readonly #deadlines = new DeadlineHeap<LeaseId>();
  /** Its time is up, and leadership is being confirmed: a sign of life still saves it. */
  readonly #confirming = new Set<LeaseId>();
  /** Its expiry was proposed; renewals wait for what becomes of it. */
  readonly #expiring = new Map<LeaseId, (() => void)[]>();
  /** By the request whose hold has ended. */
  readonly #delays = new Map<string, LockRequestId>();
  readonly #delayDeadlines = new DeadlineHeap<string>();
  readonly #checkpoints: LeaseCheckpoints;
  readonly #alarm: ExpiryAlarm;
  #term: number | null = null;
  /** The last term of which something was applied, and cluster time when the first of it was seen. */
  #office: { readonly term: number; readonly sinceMs: number } | null = null;
  /** How long the office before the last one was, at least. */
  #previousOfficeMs = 0;
  #timer: Cancel | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #lastLookMs = 0;

  constructor(
    machine: Pick<StateMachine, 'clusterTimeMs' | 'deadlines'>,
    barrier: Pick<Barrier, 'wait'>,
    environment: { readonly clock: Clock; readonly timers: Timers; readonly log: Logger },
    { heartbeatMs, leaseCheckpoints = defaultCheckpointPace }: KeeperSettings,
    propose: ProposeOwn,
  ) {
    this.#machine = machine;
    this.#barrier = barrier;
    this.#clock = environment.clock;
    this.#timers = environment.timers;
    this.#log = environment.log;
    this.#lookEveryMs = heartbeatMs;
    this.#alarm = new ExpiryAlarm(environment.log);
    this.#propose = propose;
    this.#checkpoints = new LeaseCheckpoints(
      leaseCheckpoints,
      (lease) => this.#timeOf(lease),
      () => this.#clock.nowMs(),
      propose,
    );
  }

  get isInOffice(): boolean {
    return this.#term !== null;
  }

  /** Whoever takes office wants to know how long those before him had it. */
  #termPassed(term: number): void {
    if (this.#office?.term === term) return;
    // By the stamps of commands: whoever had none was in office longer than is known here, which errs to the safe side.
    const sinceMs = this.#machine.clusterTimeMs;
    this.#previousOfficeMs = this.#office === null ? 0 : sinceMs - this.#office.sinceMs;
    this.#office = { term, sinceMs };
  }

  /** This member leads `term` and its state holds everything from before: from now on every lease lives its whole ttl, or what was noted of it. */
  takeOffice(term: number): void {
    this.leaveOffice();
    this.#termPassed(term);
    this.#term = term;
    const now = this.#clock.nowMs();
    this.#lastLookMs = now;
    const { delays, leases } = this.#machine.deadlines();
    for (const { lease, generation, remainingMs, ttlMs } of leases) {
      this.#watch(lease, { generation, ttlMs }, now + (remainingMs ?? ttlMs));
    }
    this.#checkpoints.begin(term, leases, this.#previousOfficeMs);
    for (const delay of delays) this.#watchDelay(delay, delay.delayMs, now);
    this.#arm();
  }

  leaveOffice(): void {
    this.#term = null;
    this.#leases.clear();
    this.#deadlines.clear();
    this.#delays.clear();
    this.#delayDeadlines.clear();
    this.#confirming.clear();
    const waiting = [...this.#expiring.values()];
    this.#expiring.clear();
    for (const waiters of waiting) for (const waiter of waiters) waiter();
    this.#checkpoints.end();
    this.#timer?.();
    this.#timer = null;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  /** An entry of `term` was applied. */
  changed(term: number, changes: readonly DeadlineChange[]): void {
    this.#termPassed(term);
    if (this.#term === null || changes.length === 0) return;
    const now = this.#clock.nowMs();
    for (const change of changes) {
      switch (change.type) {
        case 'leaseGranted':
          this.#watch(change.lease, change, now + change.ttlMs);
          this.#checkpoints.watch(change.lease, change.ttlMs);
          break;
        case 'leaseEnded':
          this.#forget(change.lease);
          break;
        case 'leasesCheckpointed':
          this.#checkpoints.applied();
          break;
        case 'leaseLivesAnew':
          this.#checkpoints.livesAnew(change.lease);
          // It may have been proposed before this office knew how little time it was to give.
          this.signOfLife(change.lease);
          break;
        case 'delayBegun':
          this.#watchDelay(change, change.delayMs, now);
          break;
        case 'delayEnded':
          this.#delays.delete(delayKey(change));
          this.#delayDeadlines.delete(delayKey(change));
      }
    }
    this.#arm();
  }

  /**
   * Answers only after a confirmation of leadership that began after this call: a deposed leader renews nothing (etcd #15247). The new
   * deadline counts from now, when the renewal had arrived, which is later than when the client sent it.
   */
  renew(leases: readonly LeaseId[], done: Renewed): void {
    const arrivedMs = this.#clock.nowMs();
    const settle = (): void => {
      if (this.#term === null) return done(null);
      const expiring = leases.map((lease) => this.#expiring.get(lease)).find((waiters) => waiters !== undefined);
      if (expiring !== undefined) return void expiring.push(settle);
      const ttlsMs = leases.map((lease) => this.#renewOne(lease, arrivedMs));
      // A later leader would begin with less than is promised now: that comes out of the log first.
      const noted = leases.filter((lease) => this.#checkpoints.isNoted(lease));
      if (noted.length === 0) done(ttlsMs);
      else this.#checkpoints.makeVoid(noted, settle);
    };
    this.#barrier.wait((confirmed) => (confirmed ? settle() : done(null)));
  }

  /** What each has left, at least 1 ms; confirmed like a renewal, and renews nothing. */
  look(leases: readonly LeaseId[], done: Renewed): void {
    this.#barrier.wait((confirmed) => {
      if (!confirmed || this.#term === null) return done(null);
      const now = this.#clock.nowMs();
      done(
        leases.map((lease) => {
          const time = this.#timeOf(lease);
          if (time === undefined) return null;
          return Math.min(time.ttlMs, Math.max(1, Math.floor((time.deadlineMs ?? now) - now)));
        }),
      );
    });
  }

  /** Its client did something under it. Unconfirmed, so nobody may be told; but it can only make the lease live longer. */
  signOfLife(lease: LeaseId): void {
    if (!this.#expiring.has(lease)) this.#renewOne(lease, this.#clock.nowMs());
  }

  #renewOne(lease: LeaseId, arrivedMs: number): number | null {
    const known = this.#leases.get(lease);
    if (known === undefined) return null;
    const deadlineMs = arrivedMs + known.ttlMs;
    if (deadlineMs > (this.#deadlines.deadlineOf(lease) ?? 0)) this.#deadlines.set(lease, deadlineMs);
    return known.ttlMs;
  }

  #watch(lease: LeaseId, { generation, ttlMs }: Lease, deadlineMs: number): void {
    this.#leases.set(lease, { generation, ttlMs });
    this.#deadlines.set(lease, deadlineMs);
  }

  #timeOf(lease: LeaseId): LeaseTime | undefined {
    const known = this.#leases.get(lease);
    return known && { ttlMs: known.ttlMs, deadlineMs: this.#deadlines.deadlineOf(lease) ?? null };
  }

  #forget(lease: LeaseId): void {
    this.#leases.delete(lease);
    this.#deadlines.delete(lease);
    this.#confirming.delete(lease);
    this.#checkpoints.forget(lease);
    this.#expiryIsOver(lease);
  }

  #expiryIsOver(lease: LeaseId): void {
    const waiters = this.#expiring.get(lease);
    this.#expiring.delete(lease);
    for (const waiter of waiters ?? []) waiter();
  }

  #watchDelay({ sequence, session }: LockRequestId, delayMs: number, nowMs: number): void {
    const key = delayKey({ session, sequence });
    this.#delays.set(key, { session, sequence });
    this.#delayDeadlines.set(key, nowMs + delayMs);
  }

  #arm(): void {
    const dueMs = Math.min(this.#deadlines.nextMs(), this.#delayDeadlines.nextMs());
    const nextLookMs = this.#lastLookMs + this.#lookEveryMs;
    // What was due at the last look and had to wait, waits for the next: looking again at once would defeat the limit, without end.
    const atMs = dueMs <= this.#lastLookMs ? nextLookMs : Math.min(dueMs, nextLookMs);
    if (this.#term === null || atMs === this.#timerAtMs) return;
    this.#timer?.();
    this.#timerAtMs = atMs;
    this.#timer = this.#timers.after(Math.max(0, atMs - this.#clock.nowMs()), () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      // What arrived while this timer waited is read first: a renewal in the socket is not late.
      this.#timers.soon(() => this.#look());
    });
  }

  /** Looks at the clock in a rhythm, so that a loop that stood still is noticed before it decides anything. */
  #look(): void {
    if (this.#term === null) return;
    const now = this.#clock.nowMs();
    const stoodStillMs = now - this.#lastLookMs - this.#lookEveryMs;
    this.#lastLookMs = now;
    this.#paused('the event loop stood still', stoodStillMs);
    for (const key of this.#delayDeadlines.takeDue(now, bounds.maxExpiriesPerSecond)) this.#endDelay(key);
    const perLook = Math.max(1, Math.floor((bounds.maxExpiriesPerSecond * this.#lookEveryMs) / 1_000));
    const underWay = this.#expiring.size + this.#confirming.size;
    const due = this.#deadlines.takeDue(now, Math.max(0, perLook - underWay));
    if (due.length > 0) this.#expire(due, now);
    this.#checkpoints.look(this.#lookEveryMs);
    this.#arm();
  }

  #expire(leases: readonly LeaseId[], beganMs: number): void {
    const term = this.#term;
    for (const lease of leases) this.#confirming.add(lease);
    this.#barrier.wait((confirmed) => {
      if (this.#term !== term || term === null) return;
      const now = this.#clock.nowMs();
      const tookMs = now - beganMs;
      for (const lease of leases) {
        const known = this.#leases.get(lease);
        if (!this.#confirming.delete(lease) || known === undefined) continue;
        const renewed = this.#deadlines.deadlineOf(lease) !== undefined;
        if (renewed) continue;
        if (confirmed && tookMs <= survivablePauseMs(known.ttlMs)) this.#proposeExpiry(lease, known.generation, term);
        else this.#deadlines.set(lease, now + known.ttlMs);
      }
      this.#paused('no majority confirmed this leader', tookMs);
      this.#arm();
    });
  }

  #proposeExpiry(lease: LeaseId, generation: number, term: number): void {
    this.#expiring.set(lease, []);
    this.#alarm.ending(1, this.#leases.size, this.#clock.nowMs());
    const operation = encodeOperation({ type: 'leaseExpire', lease, generation, term });
    this.#propose(() => operation);
  }

  #endDelay(key: string): void {
    const delay = this.#delays.get(key);
    if (delay === undefined || this.#term === null) return;
    const operation = encodeOperation({ type: 'lockDelayEnd', ...delay, term: this.#term });
    this.#propose(() => operation);
  }

  /** Renewals may have been lost, or lie unread, through no fault of those who sent them: whom that can have cost its time has it again. */
  #paused(why: string, forMs: number): void {
    if (forMs <= survivablePauseMs(limits.minTtlMs)) return;
    const now = this.#clock.nowMs();
    let again = 0;
    for (const [lease, { ttlMs }] of this.#leases) {
      if (forMs <= survivablePauseMs(ttlMs) || this.#expiring.has(lease)) continue;
      again++;
      this.#deadlines.set(lease, now + ttlMs);
    }
    this.#log.warn({ forMs: Math.round(forMs), leases: again }, `${why}: leases of short ttl live it again`);
  }
}

function delayKey({ sequence, session }: LockRequestId): string {
  return `${session}:${sequence}`;
}
