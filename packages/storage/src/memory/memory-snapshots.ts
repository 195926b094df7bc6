import type { LogPosition, SnapshotMeta } from '@conclave/core';
import { maxSnapshotExports } from '../bounds.ts';
import { Lane } from '../lane.ts';
import { ChunkedExport } from '../snapshot/chunked-export.ts';
import { assertSnapshotId, sameSnapshot } from '../snapshot/head.ts';
import type { SnapshotExport, SnapshotStore, StateRecord } from '../storage.ts';
import { assertUse } from '../storage-error.ts';
import { byteText } from './byte-text.ts';
import { crc32 } from './crc32.ts';
import type { MemoryDisk, StateImage } from './memory-disk.ts';
import type { MemoryBeside } from './memory-log.ts';
import { MemoryStaging } from './memory-staging.ts';
import { MemoryState } from './memory-state.ts';

/** Records of one read, so that chunks are put together as over LevelDB. */
const recordsAtOnce = 64;

export class MemorySnapshots implements SnapshotStore, MemoryBeside {
  readonly #disk: MemoryDisk;
  readonly #alive: () => boolean;
  readonly #exports = new Set<SnapshotExport>();
  readonly #stagingLane = new Lane();
  #opening = 0;
  #state: MemoryState;
  #staging: MemoryStaging | null = null;
  #claimed: StateImage | null = null;

  constructor(disk: MemoryDisk, alive: () => boolean) {
    this.#disk = disk;
    this.#alive = alive;
    this.#state = new MemoryState(disk, disk.image.state, alive);
  }

  get state(): MemoryState {
    return this.#state;
  }

  get checkpointed(): LogPosition | null {
    return this.#state.checkpointed?.position ?? null;
  }

  get claimed(): StateImage | null {
    return this.#claimed;
  }

  get exports(): readonly SnapshotExport[] {
    return [...this.#exports];
  }

  get staging(): MemoryStaging | null {
    return this.#staging?.aborted === false ? this.#staging : null;
  }

  async export(): Promise<SnapshotExport> {
    assertUse(
      this.#exports.size + this.#opening < maxSnapshotExports,
      `to export more than ${maxSnapshotExports} snapshots at a time`,
    );
    this.#opening++;
    try {
      const state = this.#state;
      const { checkpoint, records } = await state.view();
      const { position, configuration, digest } = checkpoint;
      const meta: SnapshotMeta = { id: this.#disk.nextSnapshotId(), position, configuration };
      const bytes = records.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
      const head = { clusterId: this.#disk.image.owner.clusterId, meta, digest, bytes, savedAtMs: 0 };
      const source = {
        read: async (from: Uint8Array) => {
          state.assertOpen();
          return recordsFrom(records, from);
        },
        release: async () => undefined,
      };
      const made: SnapshotExport = new ChunkedExport(head, source, crc32, () => this.#exports.delete(made));
      this.#exports.add(made);
      return made;
    } finally {
      this.#opening--;
    }
  }

  async stage(meta: SnapshotMeta): Promise<MemoryStaging> {
    assertSnapshotId(meta.id);
    this.#state.assertOpen();
    return this.#stagingLane.run(async () => {
      await this.#staging?.abort();
      assertUse(this.#claimed === null, 'to receive a snapshot while the log switches to another one');
      this.#staging = null;
      const generation = this.#disk.image.state.generation + 1;
      this.#staging = new MemoryStaging(this.#disk, this.#alive, meta, generation);
      return this.#staging;
    });
  }

  claim(snapshot: SnapshotMeta): number {
    const staging = this.#staging;
    assertUse(
      staging?.finished === true && sameSnapshot(staging.meta, snapshot),
      `to switch to the snapshot ${snapshot.id}, and none of that name, position and configuration is finished`,
    );
    this.#claimed = staging.claim();
    return this.#claimed.generation;
  }

  adopt(): void {
    assertUse(this.#claimed !== null, 'to switch to a snapshot that was not claimed');
    const old = this.#state;
    this.#state = new MemoryState(this.#disk, this.#claimed, this.#alive);
    this.#claimed = null;
    this.#staging = null;
    old.close();
    // Nothing of it can be read any more.
    for (const each of this.#exports) each.release().catch(() => undefined);
  }
}

/** Sorted already. */
function recordsFrom(records: readonly StateRecord[], from: Uint8Array): readonly StateRecord[] {
  const text = byteText(from);
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (byteText(records[middle]!.key) < text) low = middle + 1;
    else high = middle;
  }
  return records.slice(low, low + recordsAtOnce);
}
