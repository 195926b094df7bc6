import { mkdir, rm } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { SnapshotMeta } from '@conclave/core';
import { stagingBatchBytes, stagingSpaceCheckBytes } from '../bounds.ts';
import { type Layout, stateOf } from '../directory/layout.ts';
import type { Member } from '../directory/member-file.ts';
import { freeBytes } from '../directory/reserve.ts';
import { syncDirectory } from '../directory/sync-directory.ts';
import { asStorageError } from '../leveldb/failure.ts';
import { createLevel, type Level } from '../leveldb/open-level.ts';
import { Poison } from '../poison.ts';
import { type CheckpointRecord, encodeCheckpoint } from '../state/checkpoint-record.ts';
import { frameSeed, frameValue } from '../state/frame.ts';
import { checkpointKey, dataKey } from '../state/keys.ts';
import type { SnapshotStaging } from '../storage.ts';
import { assertUse, StorageError } from '../storage-error.ts';
import { ChunkIntake } from './chunk-intake.ts';
import { checkpointOf } from './head.ts';

export interface LevelStagingOptions {
  readonly layout: Layout;
  readonly member: Member;
  readonly meta: SnapshotMeta;
  readonly generation: number;
  /** The log needs what is left below this more than any snapshot does. */
  readonly lowSpaceBytes: number;
}

type Batch = ReturnType<Level['batch']>;

/** A snapshot that fills the directory of the next generation. Nothing refers to it until the log does. */
export class LevelStaging implements SnapshotStaging {
  readonly meta: SnapshotMeta;
  readonly generation: number;
  readonly #options: LevelStagingOptions;
  readonly #level: Level;
  /** Of the values' checksums. */
  readonly #seed: number;
  readonly #intake: ChunkIntake;
  readonly #poison = new Poison();
  #batch: Batch | null = null;
  #batchBytes = 0;
  #unchecked = 0;
  #busy = false;
  #finished: CheckpointRecord | null = null;
  #fate: 'under way' | 'claimed' | 'aborted' = 'under way';
  #aborting: Promise<void> | null = null;

  private constructor(options: LevelStagingOptions, level: Level) {
    this.meta = options.meta;
    this.generation = options.generation;
    this.#options = options;
    this.#level = level;
    this.#seed = frameSeed(options.member.storeUuid, options.generation);
    this.#intake = new ChunkIntake({ clusterId: options.member.clusterId, meta: options.meta }, crc32);
  }

  /** Rejects with `no-space` when the disk is low already, and leaves nothing. */
  static async begin(options: LevelStagingOptions): Promise<LevelStaging> {
    const state = stateOf(options.layout, options.generation);
    try {
      await refuseLowSpace(options, 0);
      // What an abort could not remove.
      await rm(state.directory, { recursive: true, force: true });
      await mkdir(state.directory, { mode: 0o700 });
      return new LevelStaging(options, await createLevel(state));
    } catch (error) {
      await rm(state.directory, { recursive: true, force: true });
      throw asStorageError(error, `Preparing ${state.name}/ for a snapshot failed`);
    }
  }

  get next(): number {
    return this.#intake.next;
  }

  get finished(): boolean {
    return this.#finished !== null;
  }

  async write(chunk: Uint8Array): Promise<void> {
    assertUse(!this.finished, 'to write into a snapshot that is finished');
    await this.#exclusively(async () => {
      const records = this.#intake.take(chunk);
      await this.#writing(async () => {
        if (this.next === 1) await refuseLowSpace(this.#options, this.#intake.head?.bytes ?? 0);
        for (const { key, value } of records) this.#put(dataKey(key), frameValue(key, value, this.#seed));
        if (this.#batchBytes >= stagingBatchBytes) await this.#flush();
        this.#unchecked += chunk.length;
        if (this.#unchecked < stagingSpaceCheckBytes) return;
        this.#unchecked = 0;
        await refuseLowSpace(this.#options, 0);
      });
    });
  }

  async finish(): Promise<void> {
    if (this.finished) return;
    await this.#exclusively(async () => {
      const checkpoint = checkpointOf(this.#intake.complete);
      const { layout, member } = this.#options;
      const record = { storeUuid: member.storeUuid, generation: this.generation, checkpoint };
      await this.#writing(async () => {
        // In the last batch, so that a directory with a checkpoint record is a whole one.
        this.#put(checkpointKey, encodeCheckpoint(record));
        await this.#flush();
        await syncDirectory(this.#level.location);
        await syncDirectory(layout.directory);
      });
      this.#finished = record;
    });
  }

  get aborted(): boolean {
    return this.#fate === 'aborted';
  }

  get claimed(): boolean {
    return this.#fate === 'claimed';
  }

  /** The database and what it holds, which belong to the state from now on: whatever becomes of the switch, nobody removes them. */
  claim(): { readonly level: Level; readonly record: CheckpointRecord } {
    const record = this.#finished;
    assertUse(record !== null && this.#fate === 'under way', `to switch to the snapshot ${this.meta.id} as it is`);
    this.#fate = 'claimed';
    return { level: this.#level, record };
  }

  async abort(): Promise<void> {
    if (this.#fate === 'claimed') return;
    this.#fate = 'aborted';
    this.#aborting ??= this.#remove();
    await this.#aborting;
  }

  async #remove(): Promise<void> {
    await this.#level.close();
    await rm(this.#level.location, { recursive: true, force: true });
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

  /** A failure is the end of the staging, and of nothing else: neither log nor state has anything to do with it. */
  async #writing(write: () => Promise<void>): Promise<void> {
    try {
      await this.#poison.guard(`the snapshot ${this.meta.id}`, write);
    } catch (error) {
      this.#assertUnderWay();
      await this.abort();
      throw error;
    }
  }

  #put(key: Buffer, value: Buffer): void {
    this.#batch ??= this.#level.batch();
    this.#batch.put(key, value);
    this.#batchBytes += key.length + value.length;
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    if (batch === null) return;
    this.#batch = null;
    this.#batchBytes = 0;
    // `write` closes it.
    await batch.write({ sync: true });
  }

  #assertUnderWay(): void {
    if (this.#fate === 'aborted')
      throw new StorageError('closed', `The staging of snapshot ${this.meta.id} was aborted`);
    assertUse(this.#fate === 'under way', 'to write into a snapshot that is the state by now');
  }
}

async function refuseLowSpace({ layout, lowSpaceBytes, meta }: LevelStagingOptions, bytes: number): Promise<void> {
  const free = await freeBytes(layout.directory);
  if (free - bytes >= lowSpaceBytes) return;
  throw new StorageError(
    'no-space',
    `No room for the snapshot ${meta.id}${bytes > 0 ? ` of about ${bytes} bytes` : ''}: ${free} bytes are free, and ` +
      `${lowSpaceBytes} are kept for the log`,
  );
}
