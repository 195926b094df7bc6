import { scanBatchBytes, scanBatchRecords } from '../bounds.ts';
import { Lane } from '../lane.ts';
import { Poison } from '../poison.ts';
import { assertCheckpoint } from '../state/progress.ts';
import type { Checkpoint, ScanRange, ScrubOptions, StateChange, StateRecord, StateStore } from '../storage.ts';
import { assertUse, StorageError } from '../storage-error.ts';
import { byteText, textBytes } from './byte-text.ts';
import type { MemoryDisk, StateImage } from './memory-disk.ts';

export interface StateView {
  readonly checkpoint: Checkpoint;
  readonly records: readonly StateRecord[];
}

export class MemoryState implements StateStore {
  readonly #disk: MemoryDisk;
  readonly #image: StateImage;
  readonly #alive: () => boolean;
  readonly #lane = new Lane();
  readonly #poison = new Poison();
  #checkpointed: Checkpoint | null;
  #writing = false;
  #closed = false;

  constructor(disk: MemoryDisk, image: StateImage, alive: () => boolean) {
    this.#disk = disk;
    this.#image = image;
    this.#alive = alive;
    this.#checkpointed = image.checkpoint;
  }

  get checkpointed(): Checkpoint | null {
    return this.#checkpointed;
  }

  async checkpoint(next: Checkpoint & { readonly changes: readonly StateChange[] }): Promise<void> {
    this.assertOpen();
    assertUse(!this.#writing, 'to write a checkpoint while another one is under way');
    assertCheckpoint(this.#checkpointed, next);
    const { position, configuration, digest } = next;
    const checkpoint = { position, configuration, digest: digest.slice() };
    // What is in a batch is what it held when it was handed over, as with a real disk.
    const changes = next.changes.map(({ key, value }) => [byteText(key), value?.slice() ?? null] as const);
    const state = this.#image;
    const reach = (): void => {
      for (const [key, value] of changes) {
        if (value === null) state.records.delete(key);
        else state.records.set(key, value);
      }
      state.checkpoint = checkpoint;
    };
    this.#writing = true;
    try {
      await this.#lane.run(async () => {
        await this.#poison.guard('the state', async () => this.#disk.write('state', reach));
        this.#checkpointed = checkpoint;
      });
    } finally {
      this.#writing = false;
    }
  }

  get(key: Uint8Array): Uint8Array | null {
    this.assertOpen();
    return this.#image.records.get(byteText(key)) ?? null;
  }

  async *scan(range: ScanRange = {}): AsyncGenerator<readonly StateRecord[], void, void> {
    this.assertOpen();
    let batch: StateRecord[] = [];
    let bytes = 0;
    for (const record of this.#snapshot(range)) {
      batch.push(record);
      bytes += record.key.length + record.value.length;
      if (batch.length < scanBatchRecords && bytes < scanBatchBytes) continue;
      yield batch;
      this.assertOpen();
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) yield batch;
  }

  async scrub({ signal, pace }: ScrubOptions): Promise<{ readonly records: number; readonly bytes: number }> {
    const seen = { records: 0, bytes: 0 };
    signal.throwIfAborted();
    for await (const batch of this.scan()) {
      for (const { key, value } of batch) {
        seen.records++;
        seen.bytes += key.length + value.length;
      }
      await pace?.();
      signal.throwIfAborted();
    }
    return seen;
  }

  /** What a snapshot is made of: the last checkpoint, and exactly its records. */
  async view(): Promise<StateView> {
    this.assertOpen();
    return this.#lane.run(async () => {
      this.assertOpen();
      const checkpoint = this.#checkpointed;
      assertUse(checkpoint !== null, 'for a snapshot of a state that never had a checkpoint');
      return { checkpoint, records: this.#snapshot({}) };
    });
  }

  /** Another generation has taken its place. */
  close(): void {
    this.#closed = true;
  }

  async idle(): Promise<void> {
    await this.#lane.idle();
  }

  /** Sorted on demand: a simulated state is small. */
  #snapshot({ from, to, reverse, limit }: ScanRange): StateRecord[] {
    const low = from === undefined ? '' : byteText(from);
    const high = to === undefined ? null : byteText(to);
    const inside = [...this.#image.records]
      .filter(([key]) => key >= low && (high === null || key < high))
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    if (reverse === true) inside.reverse();
    return inside.slice(0, limit ?? inside.length).map(([key, value]) => ({ key: textBytes(key), value }));
  }

  /** Throws `closed`, or the error that ended this store. */
  assertOpen(): void {
    if (this.#closed || !this.#alive()) throw new StorageError('closed', 'The state is closed');
    this.#poison.check();
  }
}
