import type { Entry, Index, MemberId, PersistJob } from '@conclave/core';
import { isMemberId, isUuid } from '../identity.ts';
import { Lane } from '../lane.ts';
import { type LogHead, type LogWrite, mergeJobs } from '../log/merge.ts';
import { withPeerStore } from '../log/peer-stores.ts';
import { Poison } from '../poison.ts';
import type { StateBeside } from '../snapshot/beside.ts';
import type { LogStore, RecoveredLog } from '../storage.ts';
import { assertUse, StorageError } from '../storage-error.ts';
import type { MemoryDisk, StateImage } from './memory-disk.ts';

/** As the log in LevelDB has it, with what is to be switched to in reach. */
export interface MemoryBeside extends StateBeside {
  readonly claimed: StateImage | null;
}

export class MemoryLog implements LogStore {
  readonly recovered: RecoveredLog;
  readonly #disk: MemoryDisk;
  readonly #alive: () => boolean;
  readonly #beside: MemoryBeside;
  readonly #lane = new Lane();
  readonly #poison = new Poison();
  #head: LogHead;
  #persisting = false;

  constructor(disk: MemoryDisk, alive: () => boolean, recovered: RecoveredLog, beside: MemoryBeside) {
    this.#disk = disk;
    this.#beside = beside;
    this.#alive = alive;
    this.#head = { ...recovered };
    this.recovered = recovered;
  }

  get tail(): Index {
    return this.#head.tail;
  }

  get peerStores(): ReadonlyMap<MemberId, string> {
    return this.#disk.image.log.peerStores;
  }

  async persist(jobs: readonly PersistJob[]): Promise<void> {
    this.#assertOpen();
    assertUse(!this.#persisting, 'to persist while another persist is under way');
    const write = mergeJobs(this.#head, this.#beside.checkpointed, jobs);
    if (write.snapshot !== null) this.#beside.claim(write.snapshot);
    const state = write.snapshot === null ? null : this.#beside.claimed;
    this.#persisting = true;
    try {
      await this.#lane.run(async () => {
        await this.#poison.guard('the log', async () => this.#disk.write('log', () => this.#reach(write, state)));
        this.#head = write.head;
        if (state !== null) this.#beside.adopt();
      });
    } finally {
      this.#persisting = false;
    }
  }

  async read(from: Index, to: Index, maxBytes: number): Promise<readonly Entry[]> {
    this.#assertOpen();
    const { base, tail } = this.#head;
    assertUse(
      base.index < from && from <= to && to <= tail,
      `entries ${from} to ${to} of ${base.index + 1} to ${tail}`,
    );
    const entries: Entry[] = [];
    let bytesLeft = maxBytes;
    // The disk may be ahead of what this store was told.
    const { log } = this.#disk.image;
    if (from <= log.base.index) return [];
    for (const entry of log.entries.slice(from - log.base.index - 1, to - log.base.index)) {
      bytesLeft -= entry.data.length;
      if (bytesLeft < 0 && entries.length > 0) break;
      entries.push(entry);
    }
    return entries;
  }

  async notePeerStore(memberId: MemberId, storeUuid: string, gone: readonly MemberId[] = []): Promise<void> {
    this.#assertOpen();
    assertUse(isMemberId(memberId) && isUuid(storeUuid), `the store ${storeUuid} of member ${memberId}`);
    await this.#lane.run(async () => {
      const peerStores = withPeerStore(this.peerStores, memberId, storeUuid, gone);
      if (peerStores === this.peerStores) return;
      const { log } = this.#disk.image;
      await this.#poison.guard('the log', async () =>
        this.#disk.write('log', () => {
          log.peerStores.clear();
          for (const [id, store] of peerStores) log.peerStores.set(id, store);
        }),
      );
    });
  }

  async idle(): Promise<void> {
    await this.#lane.idle();
  }

  /** What the batch and, behind it, the anchor leave on the disk; with a snapshot, also the state that replaces the one there was. */
  #reach({ head, from, entries, snapshot }: LogWrite, state: StateImage | null): void {
    const { image } = this.#disk;
    const { hardState, acknowledged, base, tail } = head;
    const { log } = image;
    if (snapshot !== null && state !== null) {
      const { position, configuration } = snapshot;
      Object.assign(log, { base: position, entries: [], configuration, stateGeneration: state.generation });
      image.state = state;
    }
    if (from !== null) {
      log.entries.length = from - log.base.index - 1;
      for (const entry of entries) log.entries.push(entry);
    }
    log.entries.splice(0, base.index - log.base.index);
    Object.assign(log, { hardState, acknowledged, base, tail });
    image.anchor = { term: hardState.term, vote: hardState.vote, acknowledged };
  }

  #assertOpen(): void {
    if (!this.#alive()) throw new StorageError('closed', 'The log is closed');
    this.#poison.check();
  }
}
