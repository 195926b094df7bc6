// Records to state, a batch at a time, so that a member can answer its peers in between. Nothing is believed: each record's seal, the
// chain of revisions, the chain of each key, and in the end the digest of the whole.
import { compareBytes, type Revision } from '@conclave/protocol';
import { DamagedStateError } from '../damage.ts';
import { KeyNode, living, pushVersion, VersionKind } from '../keys/key-version.ts';
import type { ValueSource } from '../keys/values.ts';
import { attach, detach } from '../keys/write.ts';
import {
  byTurn,
  fits,
  type Lock,
  type LockRequest,
  occupy,
  requestEventBytes,
  requestName,
  requestWeight,
} from '../locks/lock.ts';
import type { PastHolds } from '../locks/past.ts';
import { type HistoryRecord, type RevisionOrigin, readHistory } from '../records/history-record.ts';
import { tables } from '../records/tables.ts';
import type { Keyed } from '../sessions/remembered.ts';
import { emptyState, type State } from '../state.ts';
import { type AppliedPosition, StateMachine } from '../state-machine.ts';
import type { Digest } from './ledger.ts';
import {
  loadCluster,
  loadCounters,
  loadKeyed,
  loadLease,
  loadMember,
  loadPast,
  loadRemembered,
  loadRequest,
} from './read-records.ts';

export interface StateRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface LoadOptions {
  readonly values: ValueSource;
  /** What was written with the checkpoint. */
  readonly applied: AppliedPosition;
  readonly digest: Digest;
}

/** Throws `DamagedStateError` as soon as something does not fit. */
export class StateLoader {
  readonly #state: State;
  readonly #options: LoadOptions;
  readonly #chain: RevisionChain;
  readonly #requests: LockRequest[] = [];
  readonly #keyed: Keyed[] = [];
  readonly #past: PastHolds[] = [];
  #lastKey: Uint8Array = new Uint8Array(0);

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#state = emptyState(options.values);
    this.#chain = new RevisionChain(this.#state);
  }

  /** The next records, in the order of their keys. */
  add(records: Iterable<StateRecord>): void {
    for (const { key, value } of records) {
      if (compareBytes(key, this.#lastKey) <= 0) throw new DamagedStateError('records are not in order');
      this.#lastKey = key;
      this.#one(key, value);
    }
  }

  finish(): StateMachine {
    const state = this.#state;
    if (!state.counters.stored) throw new DamagedStateError('there is no record of the counters');
    this.#chain.end();
    for (const request of this.#requests.toSorted(holdersFirst)) place(state, request);
    for (const request of this.#requests) keep(request);
    for (const keyed of this.#keyed.toSorted((a, b) => a.order - b.order)) state.keyed.set(keyed.key, keyed);
    for (const past of this.#past.toSorted((a, b) => a.index - b.index || a.sub - b.sub))
      state.past.set(past.key, past);
    for (const lock of state.locks.values()) checkLock(lock);
    const { digest, applied } = this.#options;
    const found = state.ledger.digest;
    if (found.count !== digest.count || found.high !== digest.high || found.low !== digest.low) {
      throw new DamagedStateError(
        `the digest of ${found.count} records is not that of the ${digest.count} of the checkpoint`,
      );
    }
    return new StateMachine({ values: this.#options.values }, { state, applied });
  }

  #one(key: Uint8Array, value: Uint8Array): void {
    const state = this.#state;
    if (key[0] !== tables.counters && !state.counters.stored) {
      throw new DamagedStateError('there is no record of the counters');
    }
    const table = key[0] ?? 0;
    switch (table) {
      case tables.counters:
        loadCounters(state.counters, key, value);
        state.ledger.add(state.counters);
        return;
      case tables.leases:
        state.ledger.add(loadLease(state, key, value));
        return;
      case tables.history:
        this.#history(readHistory(key, value));
        return;
      case tables.requests: {
        const request = loadRequest(state, key, value);
        this.#requests.push(request);
        state.ledger.add(request);
        return;
      }
      case tables.past: {
        const past = loadPast(key, value);
        this.#past.push(past);
        state.ledger.add(past);
        return;
      }
      case tables.responses:
        state.ledger.add(loadRemembered(state, key, value));
        return;
      case tables.idempotency: {
        const keyed = loadKeyed(key, value);
        this.#keyed.push(keyed);
        state.ledger.add(keyed);
        return;
      }
      case tables.cluster:
        loadCluster(state.cluster, key, value);
        state.ledger.add(state.cluster);
        return;
      case tables.members:
        state.ledger.add(loadMember(state, key, value));
        return;
      default:
        throw new DamagedStateError(`there is no table ${table}`);
    }
  }

  #history(record: HistoryRecord): void {
    const state = this.#state;
    const { version, key } = record;
    this.#chain.add(version.revision, version.sub, record.origin);
    const known = state.keys.get(key);
    this.#checkReplaces(record, known);
    const previous = known === undefined ? null : living(known);
    const node = known ?? new KeyNode(key, version);
    if (known === undefined) {
      state.keys.insert(node);
    } else {
      if (previous !== null) {
        detach(state, node, previous);
        state.ledger.subtract(previous);
      }
      pushVersion(node, version);
    }
    attach(state, node, version);
    if (version.kind === VersionKind.Put) {
      state.ledger.add(version);
      if (previous === null) state.liveKeys.add(key);
    } else if (previous !== null) {
      state.liveKeys.delete(key);
    }
    state.timeline.append(version.revision, node);
  }

  /**
   * The record names the put that it replaces. That one is there if any version of the key is, because the oldest go first; only
   * the first that is left, at or before the compacted revision, may name one that is gone.
   */
  #checkReplaces({ version, replaces }: HistoryRecord, known: KeyNode | undefined): void {
    if (known === undefined && version.revision <= this.#state.counters.compacted) return;
    const previous = known === undefined ? null : living(known);
    if (replaces === (previous === null ? 0 : previous.revision)) return;
    throw new DamagedStateError(
      `history ${version.revision}.${version.sub} replaces revision ${replaces}, which is not the one before it`,
    );
  }
}

/** Every revision names the one before it and the number of its changes. From the compacted revision on, none may be missing. */
class RevisionChain {
  readonly #state: State;
  #revision: Revision = 0;
  #origin: RevisionOrigin | null = null;
  #changes = 0;

  constructor(state: State) {
    this.#state = state;
  }

  add(revision: Revision, sub: number, origin: RevisionOrigin | null): void {
    if (revision === this.#revision) {
      this.#changes += 1;
    } else {
      this.#close();
      if (revision > this.#state.counters.lastChange) throw new DamagedStateError(`revision ${revision} is too new`);
      if (revision >= this.#compacted && origin !== null) this.#checkBefore(revision, origin.previousRevision);
      this.#revision = revision;
      this.#origin = origin;
      this.#changes = 1;
    }
    if (revision >= this.#compacted && sub !== this.#changes - 1) {
      throw new DamagedStateError(`history ${revision}.${this.#changes - 1} is missing`);
    }
  }

  end(): void {
    this.#close();
    const { lastChange } = this.#state.counters;
    if (lastChange >= this.#compacted && lastChange !== this.#revision) {
      throw new DamagedStateError(`history ends at revision ${this.#revision}; the last change was at ${lastChange}`);
    }
  }

  #checkBefore(revision: Revision, named: Revision): void {
    const found = this.#revision;
    if (named === found || (named < this.#compacted && found < this.#compacted)) return;
    throw new DamagedStateError(`revision ${revision} follows ${named}, and ${found} was found`);
  }

  #close(): void {
    if (this.#revision < this.#compacted || this.#origin === null) return;
    if (this.#origin.changes === this.#changes) return;
    throw new DamagedStateError(
      `revision ${this.#revision} has ${this.#changes} of its ${this.#origin.changes} changes`,
    );
  }

  get #compacted(): Revision {
    return this.#state.counters.compacted;
  }
}

/** Holders by their grants, then those who wait by their turns. */
function holdersFirst(a: LockRequest, b: LockRequest): number {
  return a.isWaiting === b.isWaiting ? byTurn(a, b) : Number(a.isWaiting) - Number(b.isWaiting);
}

function place(state: State, request: LockRequest): void {
  const { claims, owner, sequence, session } = request;
  if (request.isWaiting) {
    state.crowd.waiting += 1;
    for (const { lock } of claims) lock.queue.add(request);
  } else {
    if (!claims.every(fits)) throw new DamagedStateError('a lock is held by more than have room');
    occupy(request);
  }
  if (request.isUpgrading) {
    if (request.lock.upgrading !== null) throw new DamagedStateError('two wait to have one lock alone');
    request.lock.upgrading = request;
    state.crowd.waiting += 1;
  }
  if (session === null) {
    state.delayed.set(requestName(owner, sequence), request);
    return;
  }
  session.session.requests.set(sequence, request);
  session.session.requestWeight += requestWeight(claims);
  session.session.requestEventBytes += requestEventBytes(claims);
}

function keep(request: LockRequest): void {
  if (!(request.isWaiting || request.isUpgrading) || request.session === null) return;
  const { requests } = request.session.session;
  for (const sequence of request.keeping) requests.get(sequence)?.keptBy.add(request);
}

/** Somebody holds it or a delay runs, or it would have been granted to the first that waits. */
function checkLock({ holders, queue }: Lock): void {
  const [first] = queue;
  if (holders.size > 0) return;
  if (first === undefined || first.claims.length === 1) throw new DamagedStateError('a lock is free, and is there');
}
