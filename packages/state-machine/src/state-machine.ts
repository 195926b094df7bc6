import {
  type HoldProof,
  type LeaseId,
  ProtocolError,
  type Query,
  type Result,
  type Revision,
  type Txn,
} from '@conclave/protocol';
import { type Applied, applyCommand, nothingApplied } from './apply/apply.ts';
import { flush } from './checkpoint/flush.ts';
import type { Change, Digest } from './checkpoint/ledger.ts';
import { broken, invariant } from './damage.ts';
import { type Sweep, sweep } from './keys/compaction.ts';
import { type HistoryPage, historyPage } from './keys/history.ts';
import { everyKey } from './keys/key-bytes.ts';
import { queryRange } from './keys/range.ts';
import { queryTxn } from './keys/txn.ts';
import type { ValueSource } from './keys/values.ts';
import { isSession } from './leases/lease.ts';
import { listLeases, queryLease, queryLeaseKeys } from './leases/lease-query.ts';
import { listLocks, queryLock, queryLockRequest } from './locks/lock-query.ts';
import { listMembers, type Membership, membershipOf } from './members/member-query.ts';
import { RecordWriter } from './records/record-writer.ts';
import { type Refusal, refusal } from './response.ts';
import { reincarnate } from './restore.ts';
import { emptyState, type State } from './state.ts';

/** The last entry that is in the state. */
export interface AppliedPosition {
  readonly index: number;
  readonly term: number;
}

/** What the member writes into its state store in one synced batch. */
export interface Checkpoint {
  readonly applied: AppliedPosition;
  readonly digest: Digest;
  /** In this order: a key may be removed and written in one checkpoint. */
  readonly changes: readonly Change[];
  /** To be given back when the batch is durable. */
  readonly token: CheckpointToken;
}

export interface CheckpointToken {
  readonly revision: Revision;
}

/** What a member needs to know of a session to tell whose connection it is on. */
export interface SessionIdentity {
  readonly session: LeaseId;
  /** Of its last resumption; 0 before the first. */
  readonly epoch: number;
}

export interface LeaseDeadline {
  readonly lease: LeaseId;
  readonly generation: number;
  readonly ttlMs: number;
  /** Of a checkpoint; null: the whole ttl. */
  readonly remainingMs: number | null;
}

/** What a new leader keeps time for. It begins anew when that takes office, except what was noted of a lease's time. */
export interface Deadlines {
  readonly leases: readonly LeaseDeadline[];
  readonly delays: readonly { readonly session: LeaseId; readonly sequence: number; readonly delayMs: number }[];
}

/** A state that records were loaded into. */
export interface LoadedState {
  readonly state: State;
  readonly applied: AppliedPosition;
}

/**
 * What the log means. The same entries give the same state, the same answers and the same records on every member, whether they were
 * replayed or loaded. Synchronous and pure; whatever it throws but for misuse means that the member must stop.
 */
export class StateMachine {
  #state: State;
  readonly #writer: RecordWriter = new RecordWriter();
  #applied: AppliedPosition;
  /** Encoded for a digest, and not yet part of a checkpoint. */
  #encoded: Change[] = [];
  #failed = false;

  constructor({ values }: { readonly values: ValueSource }, loaded?: LoadedState) {
    this.#state = loaded?.state ?? emptyState(values);
    this.#applied = loaded?.applied ?? { index: 0, term: 0 };
  }

  get applied(): AppliedPosition {
    return this.#applied;
  }

  get revision(): Revision {
    return this.#state.counters.revision;
  }

  /** The oldest revision that can be read and watched from. */
  get compacted(): Revision {
    return this.#state.counters.compacted;
  }

  /** Of the last command: a new leader's clock goes on from here. */
  get clusterTimeMs(): number {
    return this.#state.counters.clusterTimeMs;
  }

  /** Nothing newer than this command version is proposed. */
  get level(): number {
    return this.#state.cluster.level;
  }

  /** `keys`: those of clients. */
  get counts(): { readonly keys: number; readonly leases: number; readonly sessions: number; readonly holds: number } {
    const { leases, liveKeys, locks } = this.#state;
    let [holds, sessions] = [0, 0];
    for (const lease of leases.values()) if (isSession(lease)) sessions += 1;
    for (const { holders } of locks.valuesArray()) for (const { isDelayed } of holders) if (!isDelayed) holds += 1;
    return { keys: liveKeys.count(everyKey), leases: leases.size - sessions, sessions, holds };
  }

  get incarnation(): number {
    return this.#state.counters.incarnation;
  }

  /** Revisions whose values are kept in memory until a checkpoint that holds them is durable. */
  get pinnedRevisions(): number {
    return this.#state.pinned.length;
  }

  /** Goes on from the state of `loaded`, which is further along and must not be used any more: everybody who knows this one keeps it. */
  replaceBy(loaded: StateMachine): void {
    invariant(
      loaded.applied.index > this.#applied.index,
      `a state at ${loaded.applied.index} after ${this.#applied.index}`,
    );
    loaded.#mustBeSound();
    this.#state = loaded.#state;
    this.#applied = loaded.#applied;
    this.#encoded = [];
  }

  /** The next committed entry: its command, or null when it carries none (no-op, configuration). */
  apply(index: number, term: number, command: Uint8Array | null): Applied {
    this.#mustBeSound();
    if (index !== this.#applied.index + 1) broken(`entry ${index} after ${this.#applied.index}`);
    if (!(term >= this.#applied.term)) broken(`term ${term} after ${this.#applied.term}`);
    this.#failed = true;
    const applied = command === null ? nothingApplied(this.#state) : applyCommand(this.#state, index, term, command);
    this.#failed = false;
    this.#applied = { index, term };
    return applied;
  }

  /** Of the state behind `applied`. A transaction must only read. */
  query(query: Query | Txn): Result | Refusal {
    this.#mustBeSound();
    try {
      return this.#run(query);
    } catch (error) {
      if (error instanceof ProtocolError) return refusal(error);
      throw error;
    }
  }

  /** For a watch that is behind. Throws `ProtocolError` COMPACTED below `compacted`. */
  history(from: Revision, maxBytes: number): HistoryPage {
    this.#mustBeSound();
    return historyPage(this.#state, from, maxBytes);
  }

  session(id: LeaseId): SessionIdentity | null {
    const lease = this.#state.leases.get(id);
    if (!isSession(lease)) return null;
    return { session: id, epoch: lease.session.epoch };
  }

  /** Whether the request that is meant holds: under this fence, or a later one of the same hold. */
  isHeld({ fence, sequence, session }: HoldProof): boolean {
    const lease = this.#state.leases.get(session);
    const request = isSession(lease) ? lease.session.requests.get(sequence) : undefined;
    return request !== undefined && !request.isWaiting && request.fence >= fence;
  }

  deadlines(): Deadlines {
    const { delayed, leases } = this.#state;
    return {
      leases: [...leases.values()].map(({ id, generation, remainingMs, ttlMs }) => ({
        lease: id,
        generation,
        ttlMs,
        remainingMs,
      })),
      delays: [...delayed.values()].map(({ delayMs, owner, sequence }) => ({ session: owner, sequence, delayMs })),
    };
  }

  /** Who is to be in the cluster, and where. */
  membership(): Membership {
    return membershipOf(this.#state);
  }

  /**
   * Makes a new cluster's state out of a restored backup, before its first entry: all sessions and leases end, the members are
   * forgotten, revisions and fences jump by 2^40 for each incarnation, earlier history counts as compacted. Not part of any log: to be done once, and then checkpointed.
   */
  reincarnate(wallTimeMs: number, incarnation: number): void {
    reincarnate(this.#state, wallTimeMs, incarnation);
  }

  /** Removes some of what was compacted; the next checkpoint deletes the records. To be called again until `done`. */
  sweep(maxRecords: number): Sweep {
    return sweep(this.#state, maxRecords);
  }

  /** Encodes what changed since the last digest or checkpoint, and answers with the digest of all. */
  digest(): Digest {
    this.#flush();
    return this.#state.ledger.digest;
  }

  /** Everything that changed since the last one, as of now. */
  takeCheckpoint(): Checkpoint {
    this.#flush();
    const changes = this.#encoded;
    this.#encoded = [];
    return {
      applied: this.#applied,
      digest: this.#state.ledger.digest,
      changes,
      token: { revision: this.#state.counters.revision },
    };
  }

  /** The checkpoint's records can be read from `values` now: what was pinned for them is let go. */
  checkpointDurable({ revision }: CheckpointToken): void {
    this.#state.pinned.releaseUpTo(revision);
  }

  /** An entry that failed half way leaves a state that nobody may see, save or go on with. */
  #mustBeSound(): void {
    invariant(!this.#failed, 'an entry failed, and the member must stop');
  }

  #flush(): void {
    this.#mustBeSound();
    const changes = flush(this.#state, this.#writer);
    if (this.#encoded.length === 0) this.#encoded = changes;
    else for (const change of changes) this.#encoded.push(change);
  }

  #run(query: Query | Txn): Result {
    const state = this.#state;
    switch (query.type) {
      case 'range':
        return queryRange(state, query);
      case 'txn':
        return queryTxn(state, query);
      case 'lease':
        return queryLease(state, query);
      case 'leaseKeys':
        return queryLeaseKeys(state, query);
      case 'leases':
        return listLeases(state, query);
      case 'lock':
        return queryLock(state, query);
      case 'lockRequest':
        return queryLockRequest(state, query);
      case 'locks':
        return listLocks(state, query);
      case 'members':
        return listMembers(state);
    }
  }
}
