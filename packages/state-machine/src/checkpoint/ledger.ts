// Which records of the live state changed since they were last encoded, and the digest of all of them.
import type { Lanes } from '../records/hash.ts';
import { keyOfRecord, type LiveRecord } from './record-key.ts';

/** Equal on two members at equal index, or their states differ. */
export interface Digest {
  /** Live records. */
  readonly count: number;
  /** Sum of their seals, lane by lane, modulo 2^32. */
  readonly high: number;
  readonly low: number;
}

/** What a checkpoint writes; null: the record is removed. */
export interface Change {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

export class Ledger {
  readonly #dirty: Set<LiveRecord> = new Set();
  #removed: Change[] = [];
  #count = 0;
  #high = 0;
  #low = 0;

  get digest(): Digest {
    return { count: this.#count, high: this.#high >>> 0, low: this.#low >>> 0 };
  }

  /** It is new, or another than it was. */
  touch(record: LiveRecord): void {
    this.#dirty.add(record);
  }

  /** It is no more. One that came and went between two checkpoints leaves no trace. */
  drop(record: LiveRecord): void {
    this.#dirty.delete(record);
    if (!record.stored) return;
    this.subtract(record);
    record.stored = false;
    this.#removed.push({ key: keyOfRecord(record), value: null });
  }

  /** The record of something that is not live, such as old history: the digest never held it. */
  remove(key: Uint8Array): void {
    this.#removed.push({ key, value: null });
  }

  takeRemoved(): Change[] {
    const removed = this.#removed;
    this.#removed = [];
    return removed;
  }

  takeDirty(): LiveRecord[] {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    return dirty;
  }

  add(seal: Lanes): void {
    this.#count += 1;
    this.#high = (this.#high + seal.high) | 0;
    this.#low = (this.#low + seal.low) | 0;
  }

  subtract(seal: Lanes): void {
    this.#count -= 1;
    this.#high = (this.#high - seal.high) | 0;
    this.#low = (this.#low - seal.low) | 0;
  }
}
