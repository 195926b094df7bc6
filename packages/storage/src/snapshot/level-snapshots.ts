import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { LogPosition, SnapshotMeta } from '@conclave/core';
import { maxSnapshotExports } from '../bounds.ts';
import { type Layout, stateOf } from '../directory/layout.ts';
import type { Member } from '../directory/member-file.ts';
import { Lane } from '../lane.ts';
import type { Level } from '../leveldb/open-level.ts';
import type { CheckpointRecord } from '../state/checkpoint-record.ts';
import { LevelState } from '../state/level-state.ts';
import type { SnapshotExport, SnapshotStore } from '../storage.ts';
import { assertUse } from '../storage-error.ts';
import type { StateBeside } from './beside.ts';
import { ChunkedExport } from './chunked-export.ts';
import { assertSnapshotId, sameSnapshot } from './head.ts';
import { LevelStaging } from './level-staging.ts';

export interface LevelSnapshotsOptions {
  readonly layout: Layout;
  readonly member: Member;
  readonly lowSpaceBytes: number;
}

/** The state in use, the views that are exported of it, and the one that is to replace it. */
export class LevelSnapshots implements SnapshotStore, StateBeside {
  readonly #options: LevelSnapshotsOptions;
  readonly #exports = new Set<SnapshotExport>();
  #opening = 0;
  #state: LevelState;
  #generation: number;
  #staging: LevelStaging | null = null;
  readonly #stagingLane = new Lane();
  /** What the log is switching to. */
  #claimed: { readonly generation: number; readonly level: Level; readonly record: CheckpointRecord } | null = null;
  /** Removal of an old generation. What it leaves the next open removes. */
  #retiring: Promise<void> = Promise.resolve();

  constructor(options: LevelSnapshotsOptions, state: LevelState, generation: number) {
    this.#options = options;
    this.#state = state;
    this.#generation = generation;
  }

  get state(): LevelState {
    return this.#state;
  }

  get checkpointed(): LogPosition | null {
    return this.#state.checkpointed?.position ?? null;
  }

  get exports(): readonly SnapshotExport[] {
    return [...this.#exports];
  }

  get staging(): LevelStaging | null {
    return this.#staging?.aborted === false ? this.#staging : null;
  }

  async export(): Promise<SnapshotExport> {
    assertUse(
      this.#exports.size + this.#opening < maxSnapshotExports,
      `to export more than ${maxSnapshotExports} snapshots at a time`,
    );
    this.#opening++;
    try {
      const { checkpoint, source, bytes } = await this.#state.view();
      const { position, configuration, digest } = checkpoint;
      const meta: SnapshotMeta = { id: randomUUID(), position, configuration };
      const head = { clusterId: this.#options.member.clusterId, meta, digest, bytes, savedAtMs: Date.now() };
      const made: SnapshotExport = new ChunkedExport(head, source, crc32, () => this.#exports.delete(made));
      this.#exports.add(made);
      return made;
    } finally {
      this.#opening--;
    }
  }

  async stage(meta: SnapshotMeta): Promise<LevelStaging> {
    assertSnapshotId(meta.id);
    return this.#stagingLane.run(async () => {
      await this.#staging?.abort();
      assertUse(this.#claimed === null, 'to receive a snapshot while the log switches to another one');
      this.#staging = null;
      await this.#retiring;
      this.#staging = await LevelStaging.begin({ ...this.#options, meta, generation: this.#generation + 1 });
      return this.#staging;
    });
  }

  claim(snapshot: SnapshotMeta): number {
    const staging = this.#staging;
    assertUse(
      staging?.finished === true && sameSnapshot(staging.meta, snapshot),
      `to switch to the snapshot ${snapshot.id}, and none of that name, position and configuration is finished`,
    );
    this.#claimed = { generation: staging.generation, ...staging.claim() };
    return staging.generation;
  }

  adopt(): void {
    assertUse(this.#claimed !== null, 'to switch to a snapshot that was not claimed');
    const { generation, level, record } = this.#claimed;
    const old = { state: this.#state, directory: stateOf(this.#options.layout, this.#generation).directory };
    this.#claimed = null;
    this.#staging = null;
    this.#generation = generation;
    this.#state = new LevelState(level, record);
    this.#retiring = this.#retire(old.state, old.directory).catch(() => undefined);
  }

  async close(): Promise<void> {
    for (const each of this.#exports) await each.release();
    try {
      await this.#stagingLane.run(async () => this.#staging?.abort());
      // The log failed on its way to it: which of the two generations is the state, the next open finds out.
      await this.#claimed?.level.close();
    } finally {
      await this.#retiring;
      await this.#state.close();
    }
  }

  async #retire(state: LevelState, directory: string): Promise<void> {
    const closed = state.close();
    for (const each of this.#exports) await each.release();
    await closed;
    await rm(directory, { recursive: true, force: true });
  }
}
