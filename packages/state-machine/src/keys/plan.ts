// What a command will change, worked out and checked against every limit before anything is changed: all or nothing.
import { type Delete, type LeaseId, limits, ProtocolError, type Put } from '@conclave/protocol';
import { maxPreviousBytes, overheadBytes } from '../bounds.ts';
import type { Lease } from '../leases/lease.ts';
import type { State } from '../state.ts';
import { latin1Of, spanOf } from './key-bytes.ts';
import { type KeyNode, type KeyVersion, living } from './key-version.ts';
import { deletionBytes, eventBytes } from './write.ts';

export interface PlannedPut {
  readonly key: string;
  /** The key as it is known; no other write of the same transaction touches it. */
  readonly node: KeyNode | undefined;
}

/** The keys that a delete will find. No other write of the same transaction touches them: the protocol refuses such a one. */
export interface PlannedDelete {
  readonly nodes: readonly KeyNode[];
}

interface LeaseGrowth {
  keys: number;
  eventBytes: number;
}

export class Plan {
  readonly #state: State;
  #changes = 0;
  #eventBytes = 0;
  #previousBytes = 0;
  /** What this command adds to each lease; keys that it takes from one are not credited. */
  #growth: Map<LeaseId, LeaseGrowth> | null = null;

  constructor(state: State) {
    this.#state = state;
  }

  /** Of the answer: previous entries that were asked for. */
  get previousBytes(): number {
    return this.#previousBytes;
  }

  put(operation: Put): PlannedPut {
    const key = latin1Of(operation.key);
    const node = this.#state.keys.get(key);
    const previous = node === undefined ? null : living(node);
    const previousBytes = previous === null ? 0 : previous.valueBytes;
    this.#change(eventBytes(key.length, operation.value.length, previousBytes));
    if (operation.returnPrevious && previous !== null) this.#answer(key.length, previousBytes);
    if (operation.lease !== null) this.#attach(operation, operation.lease, node, previous);
    return { key, node };
  }

  delete(operation: Delete): PlannedDelete {
    const nodes: KeyNode[] = [];
    let bytes = 0;
    const span = spanOf(operation.range);
    // Refused by the count alone, before a million keys are visited.
    this.#count(operation.range.end === null ? 0 : this.#state.liveKeys.count(span));
    const visit = (node: KeyNode): boolean => {
      const version = living(node);
      if (version === null) return true;
      nodes.push(node);
      bytes += deletionBytes(node, version);
      if (operation.returnPrevious) this.#answer(node.key.length, version.valueBytes);
      return true;
    };
    if (operation.range.end === null) {
      const node = this.#state.keys.get(span.low);
      if (node !== undefined) visit(node);
      this.#count(nodes.length);
    } else {
      this.#state.keys.forEach(span, visit);
    }
    this.#weigh(bytes);
    return { nodes };
  }

  #change(bytes: number): void {
    this.#count(1);
    this.#weigh(bytes);
  }

  #count(changes: number): void {
    this.#changes += changes;
    if (this.#changes > limits.maxChangesPerEntry) {
      throw tooLarge(`changes ${this.#changes} keys`, limits.maxChangesPerEntry);
    }
  }

  #weigh(bytes: number): void {
    this.#eventBytes += bytes;
    if (this.#eventBytes > limits.maxEventBytesPerEntry) {
      throw tooLarge(`makes ${this.#eventBytes} bytes of events`, limits.maxEventBytesPerEntry);
    }
  }

  #answer(keyBytes: number, valueBytes: number): void {
    this.#previousBytes += overheadBytes + keyBytes + valueBytes;
    if (this.#previousBytes > maxPreviousBytes) {
      throw tooLarge('answers with more bytes of previous entries than one answer holds', maxPreviousBytes);
    }
  }

  #attach({ key, value }: Put, id: LeaseId, node: KeyNode | undefined, previous: KeyVersion | null): void {
    const lease = this.#state.leases.get(id);
    if (lease === undefined) throw new ProtocolError('NOT_FOUND', `there is no lease ${id}`);
    this.#growth ??= new Map();
    const growth = this.#growth.get(id) ?? { keys: 0, eventBytes: 0 };
    this.#growth.set(id, growth);
    if (node === undefined || previous === null || previous.lease !== id) {
      growth.keys += 1;
      growth.eventBytes += eventBytes(key.length, 0, value.length);
    } else {
      growth.eventBytes += value.length - previous.valueBytes;
    }
    checkLease(lease, growth.keys, growth.eventBytes);
  }
}

/** The end of a lease is one entry, which nothing may refuse: so what hangs on it is bounded where it is hung on it. */
export function checkLease(lease: Lease, moreChanges: number, moreEventBytes: number): void {
  const { session } = lease;
  const changes = lease.keys.size + (session === null ? 0 : session.requestWeight) + moreChanges;
  if (changes > limits.maxChangesPerEntry) {
    throw limitExceeded(`lease ${lease.id} would end with ${changes} changes`, limits.maxChangesPerEntry);
  }
  const bytes = lease.keyEventBytes + (session === null ? 0 : session.requestEventBytes) + moreEventBytes;
  if (bytes > limits.maxEventBytesPerEntry) {
    throw limitExceeded(`lease ${lease.id} would end with ${bytes} bytes of events`, limits.maxEventBytesPerEntry);
  }
}

export function limitExceeded(what: string, limit: number): ProtocolError {
  return new ProtocolError('LIMIT_EXCEEDED', `${what}; the limit is ${limit}`, 'not-applied', { limit });
}

export function tooLarge(what: string, limit: number): ProtocolError {
  return new ProtocolError('TOO_LARGE', `the command ${what}; the limit is ${limit}`, 'not-applied', { limit });
}
