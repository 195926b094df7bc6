import { setTimeout } from 'node:timers/promises';
import type { Configuration, Index, Term } from '@conclave/core';
import type { StateChange, StateStore } from '@conclave/storage';

const keyBytes = 24;
const valueBytes = 256;
/** As many as the member writes after 256 KiB of puts: about 900, each with what it changes beside its key. */
const recordsPerCheckpoint = 2_400;
/** What 15,000 puts a second come to (DESIGN §5 was measured with as many). */
const recordsPerSecond = 40_000;
const recordsPerFill = 20_000;

/** Records of `keys` different keys, written through checkpoints as a member does. */
export class Checkpoints {
  readonly #state: StateStore;
  readonly #configuration: Configuration;
  readonly #keys: number;
  #written = 0;

  constructor(state: StateStore, configuration: Configuration, keys: number) {
    this.#state = state;
    this.#configuration = configuration;
    this.#keys = keys;
  }

  /** Every key once, in an order that has nothing to do with theirs: so that tables overlap, and there is something to compact. */
  async fill(): Promise<void> {
    while (this.#written < this.#keys) await this.#write(Math.min(recordsPerFill, this.#keys - this.#written));
  }

  /** Writes keys anew at a steady rate, or as fast as the disk takes them, while `goesOn`. Resolves to the records written a second. */
  async paceWhile(goesOn: () => boolean): Promise<number> {
    const beganMs = performance.now();
    let records = 0;
    while (goesOn()) {
      await this.#write(recordsPerCheckpoint);
      records += recordsPerCheckpoint;
      const dueMs = beganMs + (records * 1_000) / recordsPerSecond;
      await setTimeout(Math.max(0, dueMs - performance.now()));
    }
    return (records * 1_000) / (performance.now() - beganMs);
  }

  async #write(records: number): Promise<void> {
    const changes: StateChange[] = [];
    for (let at = 0; at < records; at++) {
      changes.push({ key: keyOf(scattered(this.#written, this.#keys)), value: valueOf(this.#written) });
      this.#written++;
    }
    await this.#state.checkpoint({
      position: { index: 1 as Index, term: 1 as Term },
      configuration: this.#configuration,
      digest: new Uint8Array(),
      changes,
    });
  }
}

/** A prime that no number of keys up to the largest one allowed has as a factor, so that every key has its turn. */
const stride = 15_485_863;

function scattered(n: number, keys: number): number {
  return ((n % keys) * stride) % keys;
}

function keyOf(n: number): Uint8Array {
  return Buffer.from(`key/${n}`.padEnd(keyBytes, '.'));
}

function valueOf(n: number): Uint8Array {
  const value = new Uint8Array(valueBytes).fill(n & 0xff);
  new DataView(value.buffer).setUint32(0, n);
  return value;
}
