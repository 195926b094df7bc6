import type { SnapshotMeta } from '@conclave/core';
import { Poison } from '../poison.ts';
import { ChunkIntake } from '../snapshot/chunk-intake.ts';
import { checkpointOf } from '../snapshot/head.ts';
import type { SnapshotStaging } from '../storage.ts';
import { assertUse, StorageError } from '../storage-error.ts';
import { byteText } from './byte-text.ts';
import { crc32 } from './crc32.ts';
import type { MemoryDisk, StateImage } from './memory-disk.ts';

export class MemoryStaging implements SnapshotStaging {
  readonly meta: SnapshotMeta;
  readonly #disk: MemoryDisk;
  readonly #alive: () => boolean;
  readonly #intake: ChunkIntake;
  readonly #image: StateImage;
  readonly #poison = new Poison();
  #busy = false;
  #finished = false;
  #fate: 'under way' | 'claimed' | 'aborted' = 'under way';

  constructor(disk: MemoryDisk, alive: () => boolean, meta: SnapshotMeta, generation: number) {
    refuseLowSpace(disk, meta);
    this.meta = meta;
    this.#disk = disk;
    this.#alive = alive;
    this.#intake = new ChunkIntake({ clusterId: disk.image.owner.clusterId, meta }, crc32);
    this.#image = { generation, checkpoint: null, records: new Map() };
  }

  get next(): number {
    return this.#intake.next;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get aborted(): boolean {
    return this.#fate === 'aborted';
  }

  async write(chunk: Uint8Array): Promise<void> {
    assertUse(!this.#finished, 'to write into a snapshot that is finished');
    await this.#exclusively(async () => {
      const records = this.#intake.take(chunk).map(({ key, value }) => [byteText(key), value.slice()] as const);
      await this.#writing(() => {
        for (const [key, value] of records) this.#image.records.set(key, value);
      });
    });
  }

  async finish(): Promise<void> {
    if (this.#finished) return;
    await this.#exclusively(async () => {
      const checkpoint = checkpointOf(this.#intake.complete);
      await this.#writing(() => {
        this.#image.checkpoint = checkpoint;
      });
      this.#finished = true;
    });
  }

  claim(): StateImage {
    assertUse(this.#finished && this.#fate === 'under way', `to switch to the snapshot ${this.meta.id} as it is`);
    this.#fate = 'claimed';
    return this.#image;
  }

  async abort(): Promise<void> {
    if (this.#fate !== 'claimed') this.#fate = 'aborted';
  }

  async #exclusively(act: () => Promise<void>): Promise<void> {
    this.#assertUnderWay();
    assertUse(!this.#busy, 'to write two chunks of a snapshot at once');
    this.#busy = true;
    try {
      await act();
    } finally {
      this.#busy = false;
    }
    this.#assertUnderWay();
  }

  async #writing(reach: () => void): Promise<void> {
    try {
      await this.#poison.guard(`the snapshot ${this.meta.id}`, async () => {
        refuseLowSpace(this.#disk, this.meta);
        await this.#disk.write('staging', reach);
      });
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  #assertUnderWay(): void {
    if (this.#fate === 'aborted' || !this.#alive()) {
      throw new StorageError('closed', `The staging of snapshot ${this.meta.id} was aborted`);
    }
    assertUse(this.#fate === 'under way', 'to write into a snapshot that is the state by now');
  }
}

function refuseLowSpace(disk: MemoryDisk, { id }: SnapshotMeta): void {
  const { freeBytes, low } = disk.space;
  if (low) throw new StorageError('no-space', `No room for the snapshot ${id}: only ${freeBytes} bytes are free`);
}
