import { EntryKind } from '@conclave/core';
import { electionKey, type LockName, type Operation } from '@conclave/protocol';
import type { Random } from '../random.ts';
import type { Scheduler } from '../scheduler.ts';
import type { SimulatedClient } from './client.ts';
import { lockText, type Outcome } from './client-call.ts';
import type { LinearizableKeys } from './invariants/linearizable-keys.ts';
import type { Call, MemberObserver } from './observer.ts';
import type { AppliedEntry, Oracle } from './oracle.ts';
import type { ClientSettings } from './settings.ts';

export interface WorkloadCounts {
  calls: number;
  answered: number;
  unknown: number;
  refused: number;
  holds: number;
  cancels: number;
  clientPauses: number;
  compactions: number;
}

const maxElectionPauseDelayMs = 150;

/** What one client may have under way. */
const maxOutstanding = 8;

/** What the clients do: writes of values never repeated, compare-and-set, deletions, reads of both kinds, locks and elections. */
export class Workload implements MemberObserver {
  readonly name = 'workload';
  readonly counts: WorkloadCounts = {
    calls: 0,
    answered: 0,
    unknown: 0,
    refused: 0,
    holds: 0,
    cancels: 0,
    clientPauses: 0,
    compactions: 0,
  };
  readonly #clients: readonly SimulatedClient[];
  readonly #settings: ClientSettings;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #oracle: Oracle;
  readonly #keys: LinearizableKeys;
  #nextCall = 1;
  #isStopped = false;

  constructor(
    clients: readonly SimulatedClient[],
    settings: ClientSettings,
    scheduler: Scheduler,
    random: Random,
    oracle: Oracle,
    keys: LinearizableKeys,
  ) {
    this.#clients = clients;
    this.#settings = settings;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#oracle = oracle;
    this.#keys = keys;
    for (const client of clients) {
      this.#operate(client);
      if (settings.pauseEveryMs < Number.POSITIVE_INFINITY) this.#pauseNowAndThen(client);
      client.onHold = (operation, _sequence, fence) => this.#holdFor(client, operation.name, fence);
    }
  }

  applied({ entry }: AppliedEntry): void {
    if (entry.kind !== EntryKind.Noop || this.#isStopped) return;
    for (const client of this.#clients) {
      if (!this.#random.chance(this.#settings.pauseAtElection)) continue;
      const pauseMs = this.#random.between(0.5, 1.5) * client.ttlMs;
      this.#scheduler.after(this.#random.exponential(maxElectionPauseDelayMs), () => {
        if (!this.#isStopped) client.pause(pauseMs);
      });
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  #operate(client: SimulatedClient): void {
    const { count, operationsPerSecond } = this.#settings;
    this.#scheduler.after(this.#random.exponential((1_000 * count) / operationsPerSecond), () => {
      if (this.#isStopped) return;
      if (!client.isPaused && client.pendingCount < maxOutstanding) this.#act(client);
      this.#operate(client);
    });
  }

  #pauseNowAndThen(client: SimulatedClient): void {
    this.#scheduler.after(this.#random.exponential(this.#settings.pauseEveryMs), () => {
      if (this.#isStopped) return;
      this.counts.clientPauses++;
      client.pause(this.#random.between(0, this.#settings.maxPauseMs));
      this.#pauseNowAndThen(client);
    });
  }

  #act(client: SimulatedClient): void {
    const roll = this.#random.next();
    if (roll < this.#settings.compactShare) return this.#compact(client);
    if (roll < 0.35) return this.write(client, this.put());
    if (roll < 0.5) return this.#compareAndSet(client);
    if (roll < 0.55) return this.write(client, { operation: deletion(this.#key()), value: null });
    if (roll < 0.8) return this.readKey(client, 'linearizable');
    if (roll < 0.88) return this.readKey(client, 'local');
    this.#acquire(client);
  }

  #key(): Uint8Array {
    return Buffer.from(`k${this.#random.integer(0, this.#settings.keys)}`);
  }

  put(): { operation: Operation; value: string } {
    const value = this.#value();
    const operation = {
      type: 'put',
      key: this.#key(),
      value: Buffer.from(value),
      lease: null,
      returnPrevious: false,
    } as const;
    return { operation, value };
  }

  #value(): string {
    const length = this.#random.integer(0, this.#settings.maxValueBytes);
    return `v${this.#nextCall}.${'x'.repeat(length)}`;
  }

  /** With its session if it has one, or under an idempotency key. */
  write(
    client: SimulatedClient,
    { operation, value }: { readonly operation: Operation; readonly value: string | null },
    done: (outcome: Outcome) => void = () => {},
  ): void {
    const call = this.#call(client, operation, 'mutation', value);
    const settled = (outcome: Outcome): void => {
      this.#count(outcome);
      done(outcome);
    };
    const inSession = this.#random.chance(0.7) && client.writeInSession(call, settled) !== null;
    if (!inSession) client.writeByKey(call, Buffer.from(`i${call.id}`), settled);
  }

  readKey(client: SimulatedClient, kind: 'linearizable' | 'local', done: (outcome: Outcome) => void = () => {}): void {
    const all = this.#random.chance(0.3);
    const operation = range(all ? Buffer.from('k') : this.#key(), all ? Buffer.from('l') : null);
    client.read(this.#call(client, operation, kind, null), (outcome) => {
      this.#count(outcome);
      done(outcome);
    });
  }

  #compareAndSet(client: SimulatedClient): void {
    const key = this.#key();
    const value = this.#value();
    const operand = this.#keys.revisionOf(key, this.#random.chance(0.7));
    const operation: Operation = {
      type: 'txn',
      compares: [{ target: 'mod', key, relation: '=', operand }],
      then: [{ type: 'put', key, value: Buffer.from(value), lease: null, returnPrevious: false }],
      else: [range(key, null)],
    };
    this.write(client, { operation, value });
  }

  #compact(client: SimulatedClient): void {
    const revision = this.#oracle.revision - this.#random.integer(1, 30);
    if (revision <= this.#oracle.compacted) return;
    this.counts.compactions++;
    this.write(client, { operation: { type: 'compact', revision }, value: null });
  }

  #acquire(client: SimulatedClient): void {
    const kind = this.#random.pick(['lock', 'election'] as const);
    const name: LockName = { kind, name: Buffer.from(`l${this.#random.integer(0, this.#settings.locks)}`) };
    const lockDelayMs = this.#random.pick([0, 0, 300]);
    const text = `leader ${this.#nextCall}`;
    const value = kind === 'election' ? Buffer.from(text) : null;
    const operation: Operation = { type: 'lockAcquire', name, wait: this.#random.chance(0.8), value, lockDelayMs };
    const call = this.#call(client, operation, 'mutation', value === null ? null : text);
    const sequence = client.writeInSession(call, () => {});
    if (sequence === null || !this.#random.chance(0.15)) return;
    this.#scheduler.after(this.#random.between(0, this.#settings.maxHoldMs), () => {
      if (client.isPaused || client.claims(lockText({ name })) !== null) return;
      this.counts.cancels++;
      client.stopWaiting(sequence);
      const cancel = this.#call(client, { type: 'lockCancel', name, sequence }, 'mutation', null);
      client.writeInSession(cancel, (outcome) => this.#count(outcome));
    });
  }

  #holdFor(client: SimulatedClient, name: LockName, fence: number): void {
    this.counts.holds++;
    const lock = lockText({ name });
    this.#scheduler.after(this.#random.between(0, this.#settings.maxHoldMs), () =>
      this.#release(client, name, lock, fence),
    );
  }

  #release(client: SimulatedClient, name: LockName, lock: string, fence: number): void {
    if (client.claims(lock) !== fence) return;
    if (client.isPaused) {
      this.#scheduler.after(this.#settings.maxHoldMs, () => this.#release(client, name, lock, fence));
      return;
    }
    client.letGo(lock);
    const call = this.#call(client, { type: 'lockRelease', name, fence }, 'mutation', null);
    client.writeInSession(call, (outcome) => this.#count(outcome));
  }

  #call(client: SimulatedClient, operation: Operation, kind: Call['kind'], value: string | null): Call {
    this.counts.calls++;
    const floor = this.#keys.acknowledged;
    const minRevision = kind === 'local' && this.#random.chance(0.7) ? floor : 0;
    return { id: this.#nextCall++, client, operation, kind, minRevision, value, floor };
  }

  #count(outcome: Outcome): void {
    if ('result' in outcome) this.counts.answered++;
    else if (outcome.lost === 'not-applied') this.counts.refused++;
    else this.counts.unknown++;
  }
}

function deletion(key: Uint8Array): Operation {
  return { type: 'delete', range: { key, end: null }, returnPrevious: false };
}

function range(key: Uint8Array, end: Uint8Array | null): Extract<Operation, { type: 'range' }> {
  return {
    type: 'range',
    range: { key, end },
    revision: null,
    limit: 0,
    order: 'ascending',
    keysOnly: false,
    countOnly: false,
    modifiedSince: null,
  };
}

/** What the watchers of a run select. */
export const watchable: Uint8Array = electionKey(Buffer.from('l0'));
