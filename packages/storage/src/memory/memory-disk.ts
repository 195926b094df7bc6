// A disk for simulators, browsers and tests. It outlives the stores that run on it, decides when a write is durable, and takes the
// faults that a simulator deals out. No import of Node, here or in anything that this folder imports (a test checks it).
import type { Acknowledged, Configuration, Entry, HardState, Index, LogPosition, MemberId } from '@conclave/core';
import type { Pledge } from '../pledge.ts';
import type { Checkpoint, Identity, Space } from '../storage.ts';
import { StorageError } from '../storage-error.ts';

/** A snapshot that is being received is a store of its own, which no crash leaves anything of. */
export type StoreName = 'log' | 'state' | 'staging';

/** One batch on its way to the disk: all or nothing of it survives. It stays under way until somebody says what became of it. */
export interface PendingWrite {
  readonly store: StoreName;
  /** It is durable. */
  complete(): void;
  /** It was rejected; `reached` says whether the disk has it all the same, which a real store cannot know. */
  fail(error: Error, reached?: boolean): void;
}

export interface MemoryDiskOptions {
  /** Called with each write: complete it now, later, in part by `crash`, or never. Without it writes are durable at once. */
  readonly onWrite?: (write: PendingWrite) => void;
}

/** Which unfinished writes of each store had reached the disk: the first so many. */
export interface Cut {
  readonly log?: number;
  readonly state?: number;
}

/** What survives a crash. @internal */
export interface DiskImage {
  readonly owner: Identity & { readonly storeUuid: string };
  readonly log: LogImage;
  /** Replaced whole when the log switches to a snapshot. */
  state: StateImage;
  /** A second memory of what was promised, as in the LevelDB store. */
  anchor: Pledge;
}

/** @internal */
export interface LogImage {
  hardState: HardState;
  acknowledged: Acknowledged;
  base: LogPosition;
  configuration: Configuration;
  stateGeneration: number;
  tail: Index;
  /** Those behind `base`. */
  entries: Entry[];
  peerStores: Map<MemberId, string>;
}

/** @internal */
export interface StateImage {
  readonly generation: number;
  checkpoint: Checkpoint | null;
  /** Keys as text with one code unit a byte, which sorts as the bytes do. */
  records: Map<string, Uint8Array>;
}

interface UnfinishedWrite extends PendingWrite {
  readonly reach: () => void;
}

export class MemoryDisk {
  /** What `Storage.space()` reports. */
  space: Space = { freeBytes: Number.MAX_SAFE_INTEGER, low: false, reserveIntact: true };
  readonly #onWrite: ((write: PendingWrite) => void) | null;
  #image: DiskImage | null = null;
  #pending: UnfinishedWrite[] = [];
  #lives = 0;
  #snapshots = 0;
  #inUse = false;

  constructor({ onWrite }: MemoryDiskOptions = {}) {
    this.#onWrite = onWrite ?? null;
  }

  /** Writes under way, oldest first; at most one of each store unless a store breaks its promise. */
  get pending(): readonly PendingWrite[] {
    return this.#pending;
  }

  /**
   * The process dies. Of each store's unfinished writes the first `cut` ones are on the disk and the others never were. Nothing that
   * was under way ever settles, and the old stores are closed.
   */
  crash(cut: Cut = {}): void {
    const left = { log: cut.log ?? 0, state: cut.state ?? 0, staging: 0 };
    for (const write of this.#pending) {
      if (left[write.store]-- > 0) write.reach();
    }
    this.#pending = [];
    this.#lives++;
    this.#inUse = false;
  }

  /** A copy of what is durable now, for instance as a backup that is later put back. */
  clone(options: MemoryDiskOptions = {}): MemoryDisk {
    const copy = new MemoryDisk(options);
    copy.#image = this.#image === null ? null : copyImage(this.#image);
    return copy;
  }

  /** The fault of an operator: a part of an older copy over the newer one. Only while nothing runs on this disk. */
  putBack(part: 'log' | 'state', older: MemoryDisk): void {
    if (this.#inUse) throw new StorageError('locked', 'The memory disk is in use');
    const from = copyImage(older.image);
    this.#image = { ...this.image, [part]: from[part] };
  }

  /** Of this disk, and never again: a simulation must not draw it at random. @internal */
  nextSnapshotId(): string {
    this.#snapshots++;
    return `${this.image.owner.storeUuid}/${this.#snapshots}`;
  }

  /** @internal */
  get initialised(): boolean {
    return this.#image !== null;
  }

  /** @internal */
  get image(): DiskImage {
    if (this.#image === null) throw new StorageError('not-initialised', 'The memory disk is empty');
    return this.#image;
  }

  /** @internal */
  initialise(image: DiskImage): void {
    if (this.#image !== null)
      throw new StorageError('already-initialised', 'The memory disk belongs to a member already');
    this.#image = image;
  }

  /** For the time until the next crash or the call of what it returns. @internal */
  hold(): { readonly alive: () => boolean; readonly release: () => void } {
    if (this.#inUse) throw new StorageError('locked', 'The memory disk is in use');
    this.#inUse = true;
    const life = this.#lives;
    const alive = (): boolean => this.#lives === life;
    return {
      alive,
      release: () => {
        if (alive()) this.#inUse = false;
      },
    };
  }

  /** @internal */
  async write(store: StoreName, reach: () => void): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const settle = (reached: boolean, end: () => void): void => {
        if (!this.#pending.includes(write)) return;
        this.#pending = this.#pending.filter((other) => other !== write);
        if (reached) reach();
        end();
      };
      const write: UnfinishedWrite = {
        store,
        reach,
        complete: () => settle(true, resolve),
        fail: (error, reached = false) => settle(reached, () => reject(error)),
      };
      this.#pending.push(write);
      if (this.#onWrite === null) write.complete();
      else this.#onWrite(write);
    });
  }
}

function copyImage({ owner, log, state, anchor }: DiskImage): DiskImage {
  return {
    owner,
    log: { ...log, entries: [...log.entries], peerStores: new Map(log.peerStores) },
    state: { ...state, records: new Map(state.records) },
    anchor,
  };
}
