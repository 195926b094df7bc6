import type { Layout } from './directory/layout.ts';
import type { Member } from './directory/member-file.ts';
import { fillReserve, freeBytes } from './directory/reserve.ts';
import type { LevelLog } from './log/level-log.ts';
import type { LevelSnapshots } from './snapshot/level-snapshots.ts';
import type { LevelState } from './state/level-state.ts';
import type { Identity, Space, Storage } from './storage.ts';

export interface LevelStorageParts {
  readonly layout: Layout;
  readonly member: Member;
  readonly log: LevelLog;
  readonly snapshots: LevelSnapshots;
  readonly notes: readonly string[];
  readonly reserveBytes: number;
  readonly lowSpaceBytes: number;
  readonly reserveIntact: boolean;
  /** Lets go of the directory. */
  readonly release: () => void;
}

export class LevelStorage implements Storage {
  readonly identity: Identity;
  readonly storeUuid: string;
  readonly log: LevelLog;
  readonly snapshots: LevelSnapshots;
  readonly notes: readonly string[];
  readonly #parts: LevelStorageParts;
  #reserveIntact: boolean;
  #closing: Promise<void> | null = null;

  constructor(parts: LevelStorageParts) {
    const { member, log, snapshots, notes } = parts;
    this.identity = { clusterId: member.clusterId, memberId: member.memberId };
    this.storeUuid = member.storeUuid;
    this.log = log;
    this.snapshots = snapshots;
    this.notes = notes;
    this.#parts = parts;
    this.#reserveIntact = parts.reserveIntact;
  }

  get state(): LevelState {
    return this.snapshots.state;
  }

  async space(): Promise<Space> {
    const free = await freeBytes(this.#parts.layout.directory);
    return { freeBytes: free, low: free < this.#parts.lowSpaceBytes, reserveIntact: this.#reserveIntact };
  }

  async restoreReserve(): Promise<boolean> {
    if (this.#reserveIntact) return true;
    const { layout, reserveBytes, lowSpaceBytes } = this.#parts;
    const free = await freeBytes(layout.directory);
    if (free < reserveBytes + lowSpaceBytes) return false;
    this.#reserveIntact = await fillReserve(layout.reserve, reserveBytes);
    return this.#reserveIntact;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.log.close();
    } finally {
      try {
        await this.snapshots.close();
      } finally {
        this.#parts.release();
      }
    }
  }
}
