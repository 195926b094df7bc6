// A second implementation of the whole state machine, to compare with: arrays, copies and loops, nothing kept that can be found out, no
// limit but those that a short log can reach. It shares the vocabulary with the first and not a line of its logic.
import {
  type CommandHeader,
  decodeCommand,
  decodeOperation,
  type Identity,
  type LockClaim,
  type LockName,
  type LockStanding,
  type LockState,
  limits,
  type Operation,
  type PastHold,
  ProtocolError,
  type Result,
} from '@conclave/protocol';
import { claimOf } from './model-claims.ts';
import { runInModel } from './model-operations.ts';
import { type Entries, find, type ModelEvent, withEntry, without } from './model-store.ts';
import { hex } from './plain.ts';

export interface ModelSession {
  readonly secret: string;
  acknowledgedBelow: number;
  epoch: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly answers: Map<number, ModelAnswer>;
}

/** The result or error that was given; of an acquire, what it has come to when it neither waits nor holds any more. */
export type ModelAnswer = Result | ModelError | { type: 'acquire'; ended: LockState | null };

export interface ModelError {
  readonly type: 'error';
  readonly code: string;
  readonly outcome: string;
}

export interface ModelLease {
  readonly id: number;
  readonly ttlMs: number;
  readonly remainingMs: number | null;
  readonly session: ModelSession | null;
}

export interface ModelRequest {
  readonly session: number;
  readonly sequence: number;
  claims: readonly LockClaim[];
  readonly order: number;
  readonly value: Uint8Array | null;
  readonly lockDelayMs: number;
  keeping: readonly number[];
  /** It shares its only lock, and wants it alone. */
  upgrading: boolean;
  /** 0 while it waits. */
  fence: number;
  sinceWallMs: number;
  /** Above 0: it has ended, and keeps its place. */
  delayMs: number;
}

export interface ModelPast {
  readonly lock: string;
  readonly holds: readonly PastHold[];
}

export interface ModelMember {
  readonly member: number;
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly role: 'voter' | 'learner' | 'removed';
}

export interface ModelRevision {
  readonly revision: number;
  readonly entries: Entries;
  readonly events: readonly ModelEvent[];
  readonly author: string | null;
  readonly reason: string | null;
  readonly wallTimeMs: number;
}

export interface ModelOutcome {
  readonly response: Result | ModelError | null;
  readonly repeated: boolean;
  readonly events: readonly ModelEvent[];
  readonly notifications: readonly object[];
}

export class Model {
  compacted = 0;
  clusterTimeMs = 0;
  nextLease = 1;
  entries: Entries = [];
  leases: ModelLease[] = [];
  requests: ModelRequest[] = [];
  /** The lock used last stands last. */
  past: ModelPast[] = [];
  keyed: { key: string; expiresAtMs: number; answer: ModelAnswer }[] = [];
  members: readonly ModelMember[] = [];
  nextMember = 0;
  leaseReads = false;
  level = 1;
  membersChangedAt = 0;
  readonly revisions: ModelRevision[] = [];

  // Of the entry that is being applied.
  index = 0;
  term = 0;
  header: CommandHeader | null = null;
  events: ModelEvent[] = [];
  notifications: object[] = [];
  granted = false;
  /** Of an open that finds its session. */
  isRepeat = false;

  get revision(): number {
    return this.revisions.at(-1)?.revision ?? 0;
  }

  /** As of what the entry has done. */
  get reached(): number {
    return this.granted || this.events.length > 0 ? this.revision + 1 : this.revision;
  }

  entriesAt(revision: number): Entries {
    return this.revisions.findLast((past) => past.revision <= revision)?.entries ?? [];
  }

  apply(index: number, term: number, data: Uint8Array | null): ModelOutcome {
    this.index = index;
    this.term = term;
    this.events = [];
    this.notifications = [];
    this.granted = false;
    this.isRepeat = false;
    if (data === null) return this.#outcome(null, false);
    const { header, operation } = decodeCommand(data);
    this.header = header;
    this.clusterTimeMs = Math.max(this.clusterTimeMs, header.clusterTimeMs);
    const early = this.#recall(header.identity);
    if (early !== null) return this.#outcome(early.response, early.repeated);
    const response = this.#run(operation);
    if (this.reached > this.revision) this.#commit(header);
    if (response !== null) this.#remember(header.identity, response);
    return this.#outcome(response, this.isRepeat);
  }

  session(id: number): ModelSession | null {
    return this.leases.find((lease) => lease.id === id)?.session ?? null;
  }

  /** Those whose place is only kept are left out. */
  holders(name: LockName): ModelRequest[] {
    return this.occupants(name).filter(({ delayMs }) => delayMs === 0);
  }

  occupants(name: LockName): ModelRequest[] {
    return this.requests
      .filter((request) => request.fence > 0 && claimOf(request, name) !== null)
      .toSorted((a, b) => a.fence - b.fence || a.order - b.order);
  }

  queue(name: LockName): ModelRequest[] {
    return this.requests
      .filter((request) => request.fence === 0 && claimOf(request, name) !== null)
      .toSorted((a, b) => a.order - b.order);
  }

  /** One that waits or holds. */
  request(session: number, sequence: number): ModelRequest | null {
    const found = this.requests.find((one) => one.session === session && one.sequence === sequence);
    return found === undefined || found.delayMs > 0 ? null : found;
  }

  standing(request: ModelRequest): LockStanding {
    if (request.fence > 0) return { state: 'held', fence: request.fence };
    const before = request.claims.map(
      ({ name }) => this.holders(name).length + this.queue(name).filter((one) => one.order < request.order).length,
    );
    return { state: 'queued', ahead: Math.max(...before) };
  }

  write(key: Uint8Array, value: Uint8Array, lease: number | null, anew: boolean): void {
    const previous = find(this.entries, key);
    const goesOn = previous !== null && !anew;
    const entry = {
      key,
      value,
      createRevision: goesOn ? previous.createRevision : this.revision + 1,
      modRevision: this.revision + 1,
      version: goesOn ? previous.version + 1 : 1,
      lease,
    };
    this.entries = withEntry(this.entries, entry);
    this.events.push({ type: 'put', key, entry, previous, cause: null });
  }

  remove(key: Uint8Array, cause: 'delete' | 'lease' | 'release'): void {
    this.events.push({ type: 'delete', key, entry: null, previous: find(this.entries, key), cause });
    this.entries = without(this.entries, key);
  }

  #recall(identity: Identity): { response: Result | ModelError; repeated: boolean } | null {
    if (identity.by === 'none') return null;
    if (identity.by === 'key') {
      const known = this.keyed.find(
        ({ key, expiresAtMs }) => key === hex(identity.key) && expiresAtMs > this.clusterTimeMs,
      );
      return known === undefined ? null : { response: known.answer as Result, repeated: true };
    }
    const session = this.session(identity.session);
    if (session === null) return { response: error('SESSION_EXPIRED', 'unknown'), repeated: false };
    session.acknowledgedBelow = Math.max(session.acknowledgedBelow, identity.acknowledgedBelow);
    for (const sequence of session.answers.keys()) {
      if (sequence < session.acknowledgedBelow) session.answers.delete(sequence);
    }
    const { sequence } = identity;
    if (sequence < session.acknowledgedBelow) return { response: error('STALE_SEQUENCE', 'unknown'), repeated: false };
    const answer = session.answers.get(sequence);
    if (answer !== undefined) {
      this.#livesAnew(identity.session);
      return { response: this.#present(identity.session, sequence, answer), repeated: true };
    }
    if (sequence >= session.acknowledgedBelow + limits.maxSessionWindow) {
      return { response: error('LIMIT_EXCEEDED', 'not-applied'), repeated: false };
    }
    if (identity.epoch < session.epoch) return { response: error('FENCED', 'not-applied'), repeated: false };
    this.#livesAnew(identity.session);
    return null;
  }

  #livesAnew(session: number): void {
    this.leases = this.leases.map((lease) => (lease.id === session ? { ...lease, remainingMs: null } : lease));
  }

  #present(session: number, sequence: number, answer: ModelAnswer): Result | ModelError {
    if (answer.type !== 'acquire') return answer;
    const { revision } = this;
    if (answer.ended !== null) return { type: 'lockAcquire', revision, ...answer.ended };
    return { type: 'lockAcquire', revision, ...this.standing(this.request(session, sequence)!) };
  }

  #run(operation: Uint8Array): Result | ModelError | null {
    const kept = { entries: this.entries, leases: this.leases, requests: this.requests };
    try {
      const decoded: Operation = decodeOperation(operation);
      return runInModel(this, decoded);
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
      Object.assign(this, kept);
      this.events = [];
      this.notifications = [];
      this.granted = false;
      return error(thrown.code, thrown.outcome);
    }
  }

  #commit({ author, reason, wallTimeMs }: CommandHeader): void {
    const { entries, events } = this;
    const revision = this.revision + 1;
    this.revisions.push({ revision, entries, events, author, reason, wallTimeMs });
  }

  #remember(identity: Identity, response: Result | ModelError): void {
    if (identity.by === 'session') {
      const ended = response.type === 'lockAcquire' && response.state === 'refused' ? response : null;
      const answer: ModelAnswer =
        response.type === 'lockAcquire' ? { type: 'acquire', ended: ended && { state: 'refused' } } : response;
      this.session(identity.session)?.answers.set(identity.sequence, answer);
    }
    if (identity.by === 'key') {
      this.keyed = this.keyed.filter(({ key }) => key !== hex(identity.key));
      const expiresAtMs = this.clusterTimeMs + limits.idempotencyTtlMs;
      this.keyed.push({ key: hex(identity.key), expiresAtMs, answer: response });
    }
  }

  #outcome(response: Result | ModelError | null, repeated: boolean): ModelOutcome {
    return { response, repeated, events: this.events, notifications: this.notifications };
  }
}

function error(code: string, outcome: string): ModelError {
  return { type: 'error', code, outcome };
}
