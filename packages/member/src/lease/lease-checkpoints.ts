import { encodeOperation, type LeaseId, type LeaseRemaining, limits } from '@conclave/protocol';
import type { LeaseDeadline } from '@conclave/state-machine';
import { bounds, type CheckpointPace } from '../settings.ts';
import { DeadlineHeap } from './deadline-heap.ts';

/** A mutation of the leader that is decided on at the moment in which it is proposed. Null: not any more. */
export type Decide = () => Uint8Array | null;

/** What the keeper knows of a lease. */
export interface LeaseTime {
  readonly ttlMs: number;
  /** Null: its expiry is being decided. */
  readonly deadlineMs: number | null;
}

/**
 * Keeps what is left of long leases in the log, so that leaders who change more often than a ttl do not let a dead client's lease live for ever
 * (etcd #9888). What was noted must be void before a renewal is confirmed: otherwise the next leader would begin with less than the client was
 * told. The argument: docs/decisions/lease-checkpoints.md.
 */
export class LeaseCheckpoints {
  readonly #pace: CheckpointPace;
  readonly #timeOf: (lease: LeaseId) => LeaseTime | undefined;
  readonly #nowMs: () => number;
  readonly #propose: (decide: Decide) => void;
  /** What the state says of a lease, or may say when the entry under way is applied. */
  readonly #noted = new Map<LeaseId, number>();
  /** When a long lease is to be looked at. */
  readonly #due = new DeadlineHeap<LeaseId>();
  /** For the next entry: it may be time to note what is left of them. */
  #fading: LeaseId[] = [];
  /** For the next entry: they were renewed, and that waits until what was noted is void. */
  readonly #renewed = new Set<LeaseId>();
  #waiting: (() => void)[] = [];
  /** Of the entry under way: whose notes it makes void. Null: none is under way. */
  #voiding: readonly LeaseId[] | null = null;
  /** Of the entry under way: of whom it takes note, whatever else is applied before it. */
  readonly #noting = new Set<LeaseId>();
  #term: number | null = null;
  #quietFromMs = 0;

  constructor(
    pace: CheckpointPace,
    timeOf: (lease: LeaseId) => LeaseTime | undefined,
    nowMs: () => number,
    propose: (decide: Decide) => void,
  ) {
    this.#pace = pace;
    this.#timeOf = timeOf;
    this.#nowMs = nowMs;
    this.#propose = propose;
  }

  /** `previousOfficeMs`: how long the leader before this one was in office, at least. */
  begin(term: number, leases: readonly LeaseDeadline[], previousOfficeMs: number): void {
    this.#term = term;
    const nowMs = this.#nowMs();
    const { quietAfterMs } = this.#pace;
    this.#quietFromMs = previousOfficeMs >= quietAfterMs ? nowMs : nowMs + quietAfterMs;
    for (const { lease, remainingMs, ttlMs } of leases) {
      if (remainingMs !== null) this.#noted.set(lease, remainingMs);
      this.watch(lease, ttlMs);
    }
  }

  end(): void {
    this.#term = null;
    this.#noted.clear();
    this.#due.clear();
    this.#fading = [];
    this.#renewed.clear();
    this.#voiding = null;
    this.#noting.clear();
    this.#wakeAll();
  }

  watch(lease: LeaseId, ttlMs: number): void {
    if (ttlMs > this.#pace.aboveTtlMs) this.#due.set(lease, this.#nowMs() + this.#intervalMs(ttlMs));
  }

  forget(lease: LeaseId): void {
    this.#noted.delete(lease);
    this.#due.delete(lease);
    this.#renewed.delete(lease);
  }

  /** A later leader may give it less than its ttl. */
  isNoted(lease: LeaseId): boolean {
    return this.#noted.has(lease);
  }

  /** Calls back when something has changed: then ask again whether anything is noted of them. */
  makeVoid(leases: readonly LeaseId[], changed: () => void): void {
    for (const lease of leases) this.#renewed.add(lease);
    this.#waiting.push(changed);
    this.#next();
  }

  /** A command of the session was applied: it stands in the log behind what was noted, but not behind the entry under way. */
  livesAnew(lease: LeaseId): void {
    if (this.#noting.has(lease)) return;
    this.#noted.delete(lease);
    this.#renewed.delete(lease);
  }

  /** The entry under way is in the state. */
  applied(): void {
    this.#noting.clear();
    for (const lease of this.#voiding ?? []) this.livesAnew(lease);
    this.#voiding = null;
    this.#wakeAll();
    this.#next();
  }

  /** Once a heartbeat. */
  look(heartbeatMs: number): void {
    if (this.#voiding !== null) return;
    const most = Math.max(1, Math.floor((bounds.maxLeasesCheckpointedPerSecond * heartbeatMs) / 1_000));
    const nowMs = this.#nowMs();
    for (const lease of this.#due.takeDue(nowMs, most)) {
      const time = this.#timeOf(lease);
      if (time === undefined) continue;
      const intervalMs = this.#intervalMs(time.ttlMs);
      const passedMs = this.#passedMs(lease, time, nowMs);
      // It was renewed since: not before the interval has passed from then.
      const again = passedMs < intervalMs;
      this.#due.set(lease, nowMs + intervalMs - (again ? Math.max(0, passedMs) : 0));
      if (!again) this.#fading.push(lease);
    }
    this.#next();
  }

  #intervalMs(ttlMs: number): number {
    return this.#nowMs() < this.#quietFromMs ? Math.min(this.#pace.everyMs, ttlMs / 2) : ttlMs / 2;
  }

  /** Time of it that is over, and is not noted. */
  #passedMs(lease: LeaseId, { deadlineMs, ttlMs }: LeaseTime, nowMs: number): number {
    return deadlineMs === null ? 0 : (this.#noted.get(lease) ?? ttlMs) - (deadlineMs - nowMs);
  }

  /** One entry at a time: so what is in the log and what is known here go together. */
  #next(): void {
    const term = this.#term;
    if (term === null || this.#voiding !== null || this.#renewed.size + this.#fading.length === 0) return;
    this.#voiding = [];
    this.#propose(() => (this.#term === term ? this.#decide(term) : null));
  }

  /** Not before it is proposed: a command of the session may be proposed in between, whose answer promises the whole ttl from then. */
  #decide(term: number): Uint8Array {
    const leases: LeaseRemaining[] = [];
    for (const lease of this.#renewed) {
      if (leases.length < limits.maxLeasesPerCheckpoint) leases.push({ lease, remainingMs: null });
    }
    this.#voiding = leases.map(({ lease }) => lease);
    const nowMs = this.#nowMs();
    for (const lease of this.#fading.splice(0, limits.maxLeasesPerCheckpoint - leases.length)) {
      const time = this.#timeOf(lease);
      if (time === undefined || time.deadlineMs === null || this.#renewed.has(lease)) continue;
      const remainingMs = Math.max(limits.minTtlMs, Math.ceil(time.deadlineMs - nowMs));
      if (remainingMs >= (this.#noted.get(lease) ?? time.ttlMs)) continue;
      this.#noted.set(lease, remainingMs);
      this.#noting.add(lease);
      leases.push({ lease, remainingMs });
    }
    return encodeOperation({ type: 'leaseCheckpoint', term, leases });
  }

  #wakeAll(): void {
    for (const changed of this.#waiting.splice(0)) changed();
  }
}
