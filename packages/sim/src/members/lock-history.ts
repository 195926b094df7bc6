import type { LockClaim, LockName } from '@conclave/protocol';
import type { MemberObserver } from './observer.ts';
import { type AppliedEntry, textOf } from './oracle.ts';

/** What a request wants of one lock. */
export interface LoggedClaim {
  readonly lock: LoggedLock;
  /** Of a hold it may change. */
  mode: LockClaim['mode'];
  readonly count: number;
}

/** One acquire, as the log has it. */
export interface LoggedRequest {
  readonly session: number;
  readonly sequence: number;
  /** Its place in the log, and so in the queues. */
  readonly order: number;
  readonly claims: readonly LoggedClaim[];
  state: 'new' | 'waiting' | 'held' | 'delayed' | 'over';
  /** 0 before the grant; a change of mode is another grant. */
  fence: number;
  /** That of the first grant. */
  firstFence: number;
  /** The store's, behind the entry that ended the hold; Infinity until then. */
  endedAt: number;
  /** An operator ended the hold and did not wait: its fence alone protects what was held. */
  unprotected: boolean;
}

export interface LoggedLock {
  /** Kind and name. */
  readonly name: string;
  readonly limit: number;
  /** Delayed ones keep their place. */
  readonly holders: Set<LoggedRequest>;
  readonly queue: Set<LoggedRequest>;
  /** Those who share it and wait to have it alone. */
  readonly upgrading: Set<LoggedRequest>;
}

export interface LoggedSession {
  /** Of the connection that has it. */
  epoch: number;
  alive: boolean;
}

/** What one entry did to one request. */
export interface LockStep {
  readonly type:
    | 'queued'
    | 'granted'
    | 'upgrading'
    | 'upgradeEnded'
    | 'converted'
    | 'refused'
    | 'released'
    | 'cancelled'
    | 'broken'
    | 'lost'
    | 'delayEnded';
  readonly request: LoggedRequest;
}

/** All of an entry, once it is over: nothing is judged half-way. */
export interface LockEntry extends AppliedEntry {
  readonly steps: readonly LockStep[];
  /** Those whose holders or queues are not what they were. */
  readonly touched: ReadonlySet<LoggedLock>;
}

/**
 * Locks and sessions as the log tells of them: by what was asked, what was answered, and whom the state machine had told what. The invariants
 * of locks judge this. It knows no rule itself.
 */
export class LockHistory implements MemberObserver {
  readonly name = 'lock history';
  readonly locks: Map<string, LoggedLock> = new Map();
  readonly sessions: Map<number, LoggedSession> = new Map();
  readonly #requests = new Map<string, LoggedRequest>();
  readonly #bySession = new Map<number, Set<LoggedRequest>>();
  readonly #observers: readonly MemberObserver[];
  #steps: LockStep[] = [];
  #touched = new Set<LoggedLock>();
  #entry: LockEntry | null = null;

  constructor(observers: readonly MemberObserver[]) {
    this.#observers = observers;
  }

  request(session: number, sequence: number): LoggedRequest | null {
    return this.#requests.get(`${session}/${sequence}`) ?? null;
  }

  /** Nobody holds, waits, or is waited out. */
  get isEmpty(): boolean {
    for (const { holders, queue } of this.locks.values()) if (holders.size + queue.size > 0) return false;
    return true;
  }

  /** Who holds and who waits. */
  describe(): string {
    const requests = [...this.locks.values()].flatMap(({ holders, queue }) => [...holders, ...queue]);
    return requests.map(describeRequest).join(' ');
  }

  applied(entry: AppliedEntry): void {
    const { applied, command } = entry;
    if (command === null || applied.repeated) return;
    const { deadlines, notifications, response, revision } = applied;
    // Most entries write keys.
    const isTold = response?.type === 'lockAcquire' || response?.type === 'lockConvert';
    if (deadlines.length + notifications.length === 0 && !isTold) return;
    this.#steps = [];
    this.#touched = new Set();
    this.#asked(entry);
    this.#changed(entry);
    // Grants come last: whom they follow is told behind them.
    for (const change of deadlines) {
      if (change.type !== 'delayEnded') continue;
      const request = this.request(change.session, change.sequence);
      // An operator did not want to wait any longer.
      if (request !== null && command.operation.type === 'lockBreak') request.unprotected = true;
      this.#end(request, 'delayEnded', revision);
    }
    for (const told of notifications) {
      switch (told.type) {
        case 'released':
        case 'cancelled':
        case 'broken': {
          const request = this.request(told.session, told.sequence);
          if (told.type === 'broken' && told.delayMs === 0 && request !== null) request.unprotected = true;
          this.#end(request, told.type, revision);
          break;
        }
        case 'sessionMoved':
          this.#session(told.session).epoch = told.epoch;
          break;
        case 'sessionEnded':
          this.#session(told.session).alive = false;
          for (const request of this.#bySession.get(told.session) ?? []) this.#end(request, 'lost', revision);
          this.#bySession.delete(told.session);
          break;
        case 'granted':
        case 'contended':
          break;
      }
    }
    for (const change of deadlines) {
      if (change.type === 'delayBegun') this.#delay(this.request(change.session, change.sequence));
    }
    for (const told of notifications) {
      if (told.type !== 'granted') continue;
      const request = this.request(told.session, told.sequence);
      const isUpgraded = request?.claims.some(({ lock }) => lock.upgrading.has(request)) === true;
      if (request !== null && isUpgraded) this.#convert(request, 'exclusive', told.fence);
      else this.#grant(request, told.fence);
    }
    this.#entry = { ...entry, steps: this.#steps, touched: this.#touched };
  }

  /** When everybody has seen the entry. */
  tell(): void {
    const entry = this.#entry;
    this.#entry = null;
    if (entry === null || entry.steps.length === 0) return;
    for (const observer of this.#observers) observer.locked?.(entry);
  }

  #asked({ applied: { response }, command, entry }: AppliedEntry): void {
    if (response?.type === 'sessionOpen') this.#session(response.session);
    if (command === null || response?.type !== 'lockAcquire' || command.operation.type !== 'lockAcquire') return;
    const { identity } = command.header;
    if (identity.by !== 'session') return;
    const { sequence, session } = identity;
    const claims = command.operation.claims.map((claim) => this.#claim(claim));
    const request: LoggedRequest = {
      session,
      sequence,
      order: entry.index,
      claims,
      state: 'new',
      fence: 0,
      firstFence: 0,
      endedAt: Number.POSITIVE_INFINITY,
      unprotected: false,
    };
    this.#requests.set(`${session}/${sequence}`, request);
    if (response.state === 'refused') {
      this.#steps.push({ type: 'refused', request });
      request.state = 'over';
    }
    if (response.state !== 'held' && response.state !== 'queued') return;
    this.#bySession.set(session, (this.#bySession.get(session) ?? new Set()).add(request));
    if (response.state === 'held') return this.#grant(request, response.fence);
    request.state = 'waiting';
    this.#step('queued', request);
    for (const { lock } of claims) lock.queue.add(request);
  }

  /** Asked to have alone what it shares, or to share what it has alone. */
  #changed({ applied: { response }, command }: AppliedEntry): void {
    const operation = command?.operation;
    const identity = command?.header.identity;
    if (response?.type !== 'lockConvert' || operation?.type !== 'lockConvert' || identity?.by !== 'session') return;
    const request = this.request(identity.session, operation.sequence);
    if (request === null || response.fence === null) return;
    const { outcome } = response;
    if (outcome === 'refused') return;
    const wanted = request.claims.some(({ lock }) => lock.upgrading.has(request));
    for (const { lock } of request.claims) {
      if (outcome === 'queued') lock.upgrading.add(request);
      else lock.upgrading.delete(request);
    }
    if (outcome === 'queued') this.#step('upgrading', request);
    else if (wanted) this.#step('upgradeEnded', request);
    if (outcome !== 'queued' && response.fence !== request.fence)
      this.#convert(request, operation.mode, response.fence);
  }

  #convert(request: LoggedRequest, mode: 'exclusive' | 'shared', fence: number): void {
    this.#step('converted', request);
    request.fence = fence;
    for (const claim of request.claims) {
      claim.mode = mode;
      claim.lock.upgrading.delete(request);
    }
  }

  #claim(claim: LockClaim): LoggedClaim {
    const name = lockText(claim.name);
    const [count, limit] = claim.mode === 'permits' ? [claim.count, claim.limit] : [1, 1];
    let lock = this.locks.get(name);
    // A semaphore that nobody uses may be another one next time.
    if (lock === undefined || lock.holders.size + lock.queue.size === 0) {
      lock = { name, limit, holders: new Set(), queue: new Set(), upgrading: new Set() };
      this.locks.set(name, lock);
    }
    return { lock, mode: claim.mode, count };
  }

  #session(id: number): LoggedSession {
    const known = this.sessions.get(id);
    if (known !== undefined) return known;
    const session = { epoch: 0, alive: true };
    this.sessions.set(id, session);
    return session;
  }

  #grant(request: LoggedRequest | null, fence: number): void {
    if (request === null) return;
    this.#step('granted', request);
    request.fence = fence;
    request.firstFence = fence;
    // What was over stays over, so that it is seen.
    if (request.state === 'over') return;
    request.state = 'held';
    for (const { lock } of request.claims) {
      lock.queue.delete(request);
      lock.holders.add(request);
    }
  }

  #end(request: LoggedRequest | null, type: LockStep['type'], revision: number): void {
    if (request === null || request.state === 'over') return;
    this.#step(type, request);
    if (request.state === 'held') request.endedAt = revision;
    request.state = 'over';
    this.#bySession.get(request.session)?.delete(request);
    for (const { lock } of request.claims) {
      lock.queue.delete(request);
      lock.holders.delete(request);
      lock.upgrading.delete(request);
    }
  }

  #delay(request: LoggedRequest | null): void {
    if (request === null) return;
    request.state = 'delayed';
    for (const { lock } of request.claims) lock.holders.add(request);
  }

  #step(type: LockStep['type'], request: LoggedRequest): void {
    this.#steps.push({ type, request });
    for (const { lock } of request.claims) this.#touched.add(lock);
  }
}

export function lockText({ kind, name }: LockName): string {
  return `${kind}/${textOf(name)}`;
}

export function describeRequest({ claims, fence, sequence, session, state }: LoggedRequest): string {
  const wanted = claims.map(({ count, lock, mode }) => `${count} ${mode} of ${lock.name}`).join(' and ');
  return `request ${session}:${sequence} for ${wanted}, ${state} under ${fence},`;
}

/** Whether both may hold the lock together, whoever else does. */
export function sharesWith(a: LoggedClaim, b: LoggedClaim): boolean {
  return a.mode === b.mode && a.mode !== 'exclusive';
}

/** Whether there is room for the claim beside those that hold the lock. */
export function hasRoom({ count, lock, mode }: LoggedClaim): boolean {
  if (mode === 'exclusive') return lock.holders.size === 0;
  if (mode === 'permits') return permitsTaken(lock) + count <= lock.limit;
  return claimsOn(lock).every((claim) => claim.mode === 'shared');
}

export function permitsTaken(lock: LoggedLock): number {
  return claimsOn(lock).reduce((sum, { count }) => sum + count, 0);
}

/** Of its holders. */
export function claimsOn(lock: LoggedLock): LoggedClaim[] {
  return [...lock.holders].flatMap(({ claims }) => claims.filter((claim) => claim.lock === lock));
}
