import type { Entry, Index, MemberId, PersistJob, SnapshotMeta } from '@conclave/core';
import type { AnchorFile } from '../anchor/anchor-file.ts';
import { anchorSyncPeriodMs, sweptRecordsPerBatch } from '../bounds.ts';
import { isMemberId, isUuid } from '../identity.ts';
import { Lane } from '../lane.ts';
import { asStorageError } from '../leveldb/failure.ts';
import type { Level } from '../leveldb/open-level.ts';
import { Poison } from '../poison.ts';
import type { StateBeside } from '../snapshot/beside.ts';
import type { LogStore, RecoveredLog } from '../storage.ts';
import { assertUse, StorageError } from '../storage-error.ts';
import { metaKey, recordKey } from './keys.ts';
import { type LogHead, type LogWrite, mergeJobs } from './merge.ts';
import { chainBehind, encodeMeta, type LogMeta } from './meta.ts';
import { withPeerStore } from './peer-stores.ts';
import { readEntries } from './read.ts';
import { packEntries } from './record.ts';
import { RecordIndex } from './record-index.ts';
import { chainAt, type Truncation, takeReaching, truncate } from './truncate.ts';

interface Operation {
  readonly key: Buffer;
  /** Null: the record is deleted. */
  readonly value: Buffer | null;
}

export interface LevelLogParts {
  readonly level: Level;
  readonly anchor: AnchorFile;
  readonly meta: LogMeta;
  readonly recovered: RecoveredLog;
  /** Where each record begins. */
  readonly firsts: readonly Index[];
  readonly beside: StateBeside;
}

/** The Raft log in LevelDB, with its anchor beside it. */
export class LevelLog implements LogStore {
  readonly recovered: RecoveredLog;
  readonly #level: Level;
  readonly #anchor: AnchorFile;
  readonly #beside: StateBeside;
  readonly #records: RecordIndex;
  readonly #lane = new Lane();
  readonly #poison = new Poison();
  #meta: LogMeta;
  #head: LogHead;
  #persisting = false;
  #truncating: Promise<unknown> | null = null;
  #closed = false;
  #anchorTimer: NodeJS.Timeout | null = null;

  constructor({ level, anchor, meta, recovered, firsts, beside }: LevelLogParts) {
    this.#level = level;
    this.#anchor = anchor;
    this.#beside = beside;
    this.#records = new RecordIndex(firsts);
    this.#meta = meta;
    this.#head = { ...recovered };
    this.recovered = recovered;
  }

  get tail(): Index {
    return this.#head.tail;
  }

  get peerStores(): ReadonlyMap<MemberId, string> {
    return this.#meta.peerStores;
  }

  async persist(jobs: readonly PersistJob[]): Promise<void> {
    this.#assertOpen();
    assertUse(!this.#persisting, 'to persist while another persist is under way');
    const write = mergeJobs(this.#head, this.#beside.checkpointed, jobs);
    // The last refusal: behind it the staging belongs to the log.
    const generation = write.snapshot === null ? null : this.#beside.claim(write.snapshot);
    this.#persisting = true;
    const done = this.#lane.run(async () => this.#poison.guard('the log', async () => this.#write(write, generation)));
    if (truncates(this.#head, write)) this.#truncating = done.catch(() => undefined);
    try {
      await done;
    } finally {
      this.#persisting = false;
      this.#truncating = null;
    }
  }

  async read(from: Index, to: Index, maxBytes: number): Promise<readonly Entry[]> {
    this.#assertOpen();
    const { base, tail } = this.#head;
    assertUse(
      base.index < from && from <= to && to <= tail,
      `entries ${from} to ${to} of ${base.index + 1} to ${tail}`,
    );
    if (this.#truncating !== null) {
      // LevelDB may show the truncation before this thread learns that it is durable: then a whole log would look damaged.
      await this.#truncating;
      this.#assertOpen();
    }
    const last = Math.min(to, this.#head.tail) as Index;
    if (from > last || from <= this.#head.base.index) return [];
    return readEntries(this.#level, from, last, maxBytes).catch((error: unknown) => {
      throw asStorageError(error, 'Reading the log failed');
    });
  }

  async notePeerStore(memberId: MemberId, storeUuid: string, gone: readonly MemberId[] = []): Promise<void> {
    this.#assertOpen();
    assertUse(isMemberId(memberId) && isUuid(storeUuid), `the store ${storeUuid} of member ${memberId}`);
    await this.#lane.run(async () => {
      const peerStores = withPeerStore(this.peerStores, memberId, storeUuid, gone);
      if (peerStores === this.peerStores) return;
      const meta = { ...this.#meta, peerStores };
      await this.#poison.guard('the log', async () => this.#commit([], meta));
    });
  }

  /** Waits for writes under way, and syncs the anchor unless a write failed. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#anchorTimer !== null) clearTimeout(this.#anchorTimer);
    await this.#lane.idle();
    try {
      if (!this.#poison.poisoned) await this.#anchor.sync();
    } finally {
      await this.#anchor.close();
      await this.#level.close();
    }
  }

  /** The order is the promise: the batch durable, then the anchor, then whoever waits (DESIGN §5). */
  async #write(write: LogWrite, generation: number | null): Promise<void> {
    const { head, entries, snapshot } = write;
    const { hardState, acknowledged, base, tail } = head;
    const before = snapshot === null || generation === null ? this.#meta : this.#replaced(snapshot, generation);
    const chainAtBase = base.index === before.base.index ? before.chainAtBase : await chainAt(this.#level, base);
    const cut = appends(write, before) ? appendBehind(before) : await this.#truncation(write, before);
    const { records, chain } = packEntries(entries, cut.chain);
    for (const { first } of records) this.#records.append(first);
    const operations: Operation[] = [];
    for (const first of [...cut.remove, ...this.#swept(base.index)]) {
      operations.push({ key: recordKey(first), value: null });
    }
    for (const { first, value } of [...cut.rewrite, ...records]) {
      operations.push({ key: recordKey(first), value });
    }
    const meta = { ...before, hardState, acknowledged, base, chainAtBase, tail, chainAtTail: chain };
    await this.#commit(operations, meta);
    this.#head = head;
    if (generation !== null) this.#beside.adopt();
    await this.#anchor.write({ term: hardState.term, vote: hardState.vote, acknowledged });
    this.#syncAnchorLater();
  }

  /** An empty log behind a snapshot. */
  #replaced({ position, configuration }: SnapshotMeta, stateGeneration: number): LogMeta {
    const chain = chainBehind(this.#meta.storeUuid, stateGeneration, position);
    const empty = { base: position, chainAtBase: chain, tail: position.index, chainAtTail: chain };
    return { ...this.#meta, ...empty, configuration, stateGeneration };
  }

  async #truncation({ from, snapshot }: LogWrite, before: LogMeta): Promise<Truncation> {
    if (snapshot !== null) {
      return { remove: takeReaching(this.#records, before.base.index), rewrite: [], chain: before.chainAtBase };
    }
    if (from === null) return appendBehind(before);
    return truncate(this.#level, this.#records, before, from);
  }

  /**
   * Some of the records that lie wholly in front of the base. A long log goes with the batches that follow: each deletes more records than
   * it usually adds, and there is no second writer.
   */
  #swept(base: Index): Index[] {
    const needed = this.#records.atOrBefore((base + 1) as Index);
    return needed === null ? [] : this.#records.takeBefore(needed, sweptRecordsPerBatch);
  }

  /**
   * The meta record goes first: so the store's uuid stands where a scan of a damaged LevelDB log looks for it. One write; a chained batch takes
   * 15 µs less of the event loop than an array of operations, and every acknowledgement waits for it.
   */
  async #commit(operations: readonly Operation[], meta: LogMeta): Promise<void> {
    const batch = this.#level.batch().put(metaKey, encodeMeta(meta));
    for (const { key, value } of operations) {
      if (value === null) batch.del(key);
      else batch.put(key, value);
    }
    await batch.write({ sync: true });
    this.#meta = meta;
  }

  /** The last unsynced anchor of a burst must not stay unsynced until the next write, which may be far away. */
  #syncAnchorLater(): void {
    if (!this.#anchor.dirty || this.#anchorTimer !== null) return;
    this.#anchorTimer = setTimeout(() => {
      this.#anchorTimer = null;
      // A failure poisons the store: the next persist reports it.
      this.#lane
        .run(async () => this.#poison.guard('the anchor', async () => this.#anchor.sync()))
        .catch(() => undefined);
    }, anchorSyncPeriodMs).unref();
  }

  #assertOpen(): void {
    if (this.#closed) throw new StorageError('closed', 'The log is closed');
    this.#poison.check();
  }
}

/** Nothing is read for what comes usually: it reaches LevelDB before `persist` returns. */
function appends({ from, snapshot }: LogWrite, { tail }: LogMeta): boolean {
  return snapshot === null && (from === null || from > tail);
}

function appendBehind({ chainAtTail }: LogMeta): Truncation {
  return { remove: [], rewrite: [], chain: chainAtTail };
}

/** Whether a read beside the write may find less than it was promised. */
function truncates(head: LogHead, { head: next, from }: LogWrite): boolean {
  return (from !== null && from <= head.tail) || next.base.index > head.base.index;
}
