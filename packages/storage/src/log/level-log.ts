import type { Entry, Index, MemberId, PersistJob } from '@conclave/core';
import type { AnchorFile } from '../anchor/anchor-file.ts';
import { anchorSyncPeriodMs, maxPeerStores } from '../bounds.ts';
import { isMemberId, isUuid } from '../identity.ts';
import { Lane } from '../lane.ts';
import { asStorageError } from '../leveldb/failure.ts';
import type { Level } from '../leveldb/open-level.ts';
import { Poison } from '../poison.ts';
import type { LogStore, RecoveredLog } from '../storage.ts';
import { assertUse, StorageError } from '../storage-error.ts';
import { metaKey, recordKey } from './keys.ts';
import { type LogHead, type LogWrite, mergeJobs } from './merge.ts';
import { encodeMeta, type LogMeta } from './meta.ts';
import { readEntries } from './read.ts';
import { packEntries } from './record.ts';
import { type Truncation, truncate } from './truncate.ts';

type Operation =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer };

/** The Raft log in LevelDB, with its anchor beside it. */
export class LevelLog implements LogStore {
  readonly recovered: RecoveredLog;
  readonly #level: Level;
  readonly #anchor: AnchorFile;
  readonly #lane = new Lane();
  readonly #poison = new Poison();
  #meta: LogMeta;
  #head: LogHead;
  #persisting = false;
  #truncating: Promise<unknown> | null = null;
  #closed = false;
  #anchorTimer: NodeJS.Timeout | null = null;

  constructor(level: Level, anchor: AnchorFile, meta: LogMeta, recovered: RecoveredLog) {
    this.#level = level;
    this.#anchor = anchor;
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
    const write = mergeJobs(this.#head, jobs);
    this.#persisting = true;
    const done = this.#lane.run(async () => this.#poison.guard('the log', async () => this.#write(write)));
    if (write.from !== null && write.from <= this.#head.tail) this.#truncating = done.catch(() => undefined);
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
    if (from > last) return [];
    return readEntries(this.#level, from, last, maxBytes).catch((error: unknown) => {
      throw asStorageError(error, 'Reading the log failed');
    });
  }

  async notePeerStore(memberId: MemberId, storeUuid: string): Promise<void> {
    this.#assertOpen();
    assertUse(isMemberId(memberId) && isUuid(storeUuid), `the store ${storeUuid} of member ${memberId}`);
    await this.#lane.run(async () => {
      const known = this.peerStores.get(memberId);
      if (known === storeUuid) return;
      if (known !== undefined) {
        throw new StorageError('wrong-peer-store', `Member ${memberId} has store ${storeUuid}, and once had ${known}`);
      }
      assertUse(this.peerStores.size < maxPeerStores, `to remember the stores of more than ${maxPeerStores} peers`);
      const meta = { ...this.#meta, peerStores: new Map(this.peerStores).set(memberId, storeUuid) };
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
  async #write(write: LogWrite): Promise<void> {
    const { head, from, entries } = write;
    const { hardState, acknowledged, tail } = head;
    const cut = await this.#truncation(from);
    const { records, chain } = packEntries(entries, cut.chain);
    const operations: Operation[] = cut.remove.map((first) => ({ type: 'del', key: recordKey(first) }));
    for (const { first, value } of [...cut.rewrite, ...records]) {
      operations.push({ type: 'put', key: recordKey(first), value });
    }
    await this.#commit(operations, { ...this.#meta, hardState, acknowledged, tail, chainAtTail: chain });
    this.#head = head;
    await this.#anchor.write({ term: hardState.term, vote: hardState.vote, acknowledged });
    this.#syncAnchorLater();
  }

  async #truncation(from: Index | null): Promise<Truncation> {
    if (from === null || from > this.#meta.tail) return { remove: [], rewrite: [], chain: this.#meta.chainAtTail };
    return truncate(this.#level, this.#meta, from);
  }

  /** The meta record goes first: so the store's uuid stands where a scan of a damaged LevelDB log looks for it. */
  async #commit(operations: readonly Operation[], meta: LogMeta): Promise<void> {
    await this.#level.batch([{ type: 'put', key: metaKey, value: encodeMeta(meta) }, ...operations], { sync: true });
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
