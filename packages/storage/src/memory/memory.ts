import type { Configuration, Index, Term, TermRun } from '@conclave/core';
import { assertIdentity, describeIdentity, isUuid, sameIdentity } from '../identity.ts';
import { runsWith } from '../log/term-runs.ts';
import { noPledge } from '../pledge.ts';
import { reconcile, refuseRegressed } from '../recovery.ts';
import type { Identity, Space, Storage } from '../storage.ts';
import { assertUse, StorageError } from '../storage-error.ts';
import type { MemoryDisk } from './memory-disk.ts';
import { MemoryLog } from './memory-log.ts';
import { MemorySnapshots } from './memory-snapshots.ts';
import type { MemoryState } from './memory-state.ts';

export { type Cut, MemoryDisk, type MemoryDiskOptions, type PendingWrite, type StoreName } from './memory-disk.ts';

export interface MemoryInitOptions extends Identity {
  /** Comes from outside, because randomness does: a seed decides a whole simulation. */
  readonly storeUuid: string;
  /** In force before the first entry. */
  readonly configuration: Configuration;
}

/** As `initStorage`, on a memory disk. Throws `already-initialised`. */
export function initMemoryStorage(disk: MemoryDisk, options: MemoryInitOptions): void {
  assertIdentity(options);
  assertUse(isUuid(options.storeUuid), `a store uuid like ${JSON.stringify(options.storeUuid)}`);
  const { clusterId, memberId, storeUuid, configuration } = options;
  disk.initialise({
    owner: { clusterId, memberId, storeUuid },
    log: {
      hardState: { term: noPledge.term, vote: noPledge.vote, commit: 0 as Index },
      acknowledged: noPledge.acknowledged,
      base: { index: 0 as Index, term: 0 as Term },
      configuration,
      stateGeneration: 0,
      tail: 0 as Index,
      entries: [],
      peerStores: new Map(),
    },
    state: { generation: 0, checkpoint: null, records: new Map() },
    anchor: noPledge,
  });
}

/** As `openStorage`, with the same refusals as far as memory can be damaged. */
export async function openMemoryStorage(disk: MemoryDisk, identity: Identity): Promise<Storage> {
  assertIdentity(identity);
  const { owner, log, state, anchor } = disk.image;
  if (!sameIdentity(owner, identity)) {
    const names = `${describeIdentity(owner)}, and ${describeIdentity(identity)}`;
    throw new StorageError('wrong-member', `The memory disk belongs to ${names} was asked for`);
  }
  const hold = disk.hold();
  try {
    refuseRegressed(log, anchor);
    disk.image.anchor = { term: log.hardState.term, vote: log.hardState.vote, acknowledged: log.acknowledged };
    const none: readonly TermRun[] = [];
    const record = { storeUuid: owner.storeUuid, generation: state.generation, checkpoint: state.checkpoint };
    const recovered = reconcile(log, runsWith(none, log.entries), record, owner);
    return new MemoryStorage(disk, hold, recovered);
  } catch (error) {
    hold.release();
    throw error;
  }
}

class MemoryStorage implements Storage {
  readonly identity: Identity;
  readonly storeUuid: string;
  readonly log: MemoryLog;
  readonly snapshots: MemorySnapshots;
  readonly notes: readonly string[] = [];
  readonly #disk: MemoryDisk;
  readonly #release: () => void;
  readonly #processAlive: () => boolean;
  #closed = false;

  constructor(disk: MemoryDisk, hold: ReturnType<MemoryDisk['hold']>, recovered: MemoryLog['recovered']) {
    const { clusterId, memberId, storeUuid } = disk.image.owner;
    this.identity = { clusterId, memberId };
    this.storeUuid = storeUuid;
    this.#disk = disk;
    this.#release = hold.release;
    this.#processAlive = hold.alive;
    const alive = (): boolean => !this.#closed && hold.alive();
    this.snapshots = new MemorySnapshots(disk, alive);
    this.log = new MemoryLog(disk, alive, recovered, this.snapshots);
  }

  get state(): MemoryState {
    return this.snapshots.state;
  }

  async space(): Promise<Space> {
    return this.#disk.space;
  }

  async restoreReserve(): Promise<boolean> {
    return this.#disk.space.reserveIntact;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // Of a process that crashed nothing ends, and there is nothing to let go of.
    if (!this.#processAlive()) return;
    await this.log.idle();
    await this.state.idle();
    this.#release();
  }
}
