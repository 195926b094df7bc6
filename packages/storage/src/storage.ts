import type {
  Acknowledged,
  BootState,
  Configuration,
  Entry,
  Index,
  LogPosition,
  MemberId,
  PersistJob,
  SnapshotMeta,
} from '@conclave/core';

/** Who a store belongs to. Written when it is initialised and never changed. */
export interface Identity {
  /** Printable ASCII without spaces, at most 64 bytes. */
  readonly clusterId: string;
  readonly memberId: MemberId;
}

/**
 * What the log held when it was opened: everything of core's `BootState` that is not about the state machine. `configuration` is the one in
 * force at the state's checkpoint, from which the log is replayed; without a checkpoint, the founding one.
 */
export type RecoveredLog = Omit<BootState, 'applied' | 'entries'>;

/** Writes one batch at a time. After a rejected write every call rejects with the same error: the process stops and reopens. */
export interface LogStore {
  readonly recovered: RecoveredLog;

  /** The store uuid of each peer that was ever noted. */
  readonly peerStores: ReadonlyMap<MemberId, string>;

  /** Last durable entry. */
  readonly tail: Index;

  /**
   * Makes neighbouring jobs durable in one synced batch, then writes the anchor, then resolves. All of it or nothing of it
   * survives a crash. Rejects with `no-space` or `write-failed` when the outcome is unknown and the store is poisoned; with
   * `misuse`, before anything is written, when the jobs contradict the log or another `persist` is under way.
   *
   * A job's `base` truncates the log in front, never beyond the state's last durable checkpoint. A job's `snapshot` names a staging
   * that is finished: with the same batch the log is replaced, and `Storage.state` is the new state when this resolves; the old
   * one is closed and its exports end.
   */
  persist(jobs: readonly PersistJob[]): Promise<void>;

  /**
   * Durable entries `from` to `to`, both included, as many as fit into `maxBytes` of data but at least one. Their data are views
   * into larger buffers. Empty only when a truncation at either end overtook the read. Rejects with `corrupt` rather than return anything
   * whose checksum chain, index or term is wrong.
   */
  read(from: Index, to: Index, maxBytes: number): Promise<readonly Entry[]>;

  /**
   * Remembers a peer's store, durably before it resolves, and forgets, in the same write, those of `gone`: members whose ids are nobody's any
   * more, for ever. Rejects with `wrong-peer-store` when another one is remembered, and with `too-many-peers`; either changes nothing.
   */
  notePeerStore(memberId: MemberId, storeUuid: string, gone?: readonly MemberId[]): Promise<void>;
}

/** One change of a checkpoint; null deletes. */
export interface StateChange {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** A state that equals the effect of all entries up to `position`. */
export interface Checkpoint {
  readonly position: LogPosition;
  /** In force at `position`. */
  readonly configuration: Configuration;
  /** The state machine's own; opaque here. At most 256 bytes. */
  readonly digest: Uint8Array;
}

export interface StateRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface ScanRange {
  /** First key, included. From the first one if absent. */
  readonly from?: Uint8Array;
  /** Where to end, not included. To the last one if absent. */
  readonly to?: Uint8Array;
  /** From the end of the range towards its beginning. */
  readonly reverse?: boolean;
  /** Records in all. */
  readonly limit?: number;
}

export interface ScrubOptions {
  readonly signal: AbortSignal;
  /** Awaited every few hundred kilobytes: how slow a scrub is belongs to the caller. Without it a scrub takes all it gets. */
  readonly pace?: () => Promise<void>;
}

/** Ordered binary records. A failed checksum rejects or throws with `corrupt`, naming the key; it is never returned as data. */
export interface StateStore {
  /** The last durable checkpoint, or null in a store that never had one. */
  readonly checkpointed: Checkpoint | null;

  /**
   * Writes changes and checkpoint as one synced batch. One at a time; positions never go back. It is put together in slices, so the
   * changes and their bytes must stay as they are until it resolves.
   */
  checkpoint(next: Checkpoint & { readonly changes: readonly StateChange[] }): Promise<void>;

  get(key: Uint8Array): Uint8Array | null;

  /**
   * Batches in key order, each bounded in records and bytes, all of one consistent snapshot, which is taken when the first batch
   * is asked for.
   */
  scan(range?: ScanRange): AsyncIterable<readonly StateRecord[]>;

  /** Reads and verifies every record. Rejects with the signal's reason when aborted. */
  scrub(options: ScrubOptions): Promise<{ readonly records: number; readonly bytes: number }>;
}

/** A consistent view of one checkpoint, for as long as it is not released. What is written meanwhile does not show in it. */
export interface SnapshotExport {
  readonly meta: SnapshotMeta;

  /**
   * Chunks of at most `maxSnapshotChunkBytes`, made one at a time when asked for: how fast is up to the consumer. Chunk n is the same
   * bytes however often it is asked for. `from` (0 if absent) is at most one more than the highest number that was given out. Ends
   * behind the last chunk. Rejects with `closed` once released, and with `corrupt` rather than send anything damaged.
   */
  chunks(from?: number): AsyncIterable<Uint8Array>;

  /** Lets the database forget it. Idempotent. */
  release(): Promise<void>;
}

/** A state that is being received, beside the one in use. Gone with the process unless a persist job switched to it. */
export interface SnapshotStaging {
  readonly meta: SnapshotMeta;
  /** The number of the chunk that is due; all before it were taken. */
  readonly next: number;
  /** All chunks are there, and durable: a persist job may name it. */
  readonly finished: boolean;

  /**
   * Takes the chunk that is due. Rejects with `bad-chunk` when it is damaged, out of order or of another snapshot, and nothing has
   * changed; with `no-space` when the disk would fall below the low-space watermark, or another code of a failed write, and the staging
   * is gone. One at a time.
   */
  write(chunk: Uint8Array): Promise<void>;

  /** Behind the last chunk: makes everything durable. Rejects with `bad-chunk` when chunks are missing. */
  finish(): Promise<void>;

  /** Removes it. Idempotent; nothing happens once a persist job has switched to it. */
  abort(): Promise<void>;
}

/** Whole states on their way to another member or a file, and from there. The format of a chunk is in docs/durability.md. */
export interface SnapshotStore {
  /** Those that are not released. For a receiver to go on, the log must keep what lies behind the lowest position among them. */
  readonly exports: readonly SnapshotExport[];

  /** Of the last durable checkpoint. Rejects with `misuse` when there is none yet, or `maxSnapshotExports` are open. */
  export(): Promise<SnapshotExport>;

  /** The one under way or finished; null when there is none. */
  readonly staging: SnapshotStaging | null;

  /** Begins to receive; replaces a staging under way. Rejects with `no-space` when the disk is low already. */
  stage(meta: SnapshotMeta): Promise<SnapshotStaging>;
}

export interface Space {
  readonly freeBytes: number;
  /** Below the low-space watermark: refuse proposals, keep serving everything that frees space. */
  readonly low: boolean;
  /** False after the reserve was given up to open on a full disk. */
  readonly reserveIntact: boolean;
}

/** The whole durable part of one member. */
export interface Storage {
  readonly identity: Identity;
  /** Made when the store was initialised; tells this disk from any other that ever had the same member id. */
  readonly storeUuid: string;
  readonly log: LogStore;
  /** Another object after each persist job with a snapshot: ask for it anew, and load the state machine from it. */
  readonly state: StateStore;
  readonly snapshots: SnapshotStore;
  /** Harmless findings of the open, for the member's own log: an unfinished batch that was dropped, a reserve that was given up. */
  readonly notes: readonly string[];

  space(): Promise<Space>;

  /** Fills the reserve again if it was given up and there is room beyond the watermark. Returns whether it is intact now. */
  restoreReserve(): Promise<boolean>;

  /** Waits for writes under way. Idempotent. */
  close(): Promise<void>;
}

/** Orders acknowledged pairs: by the term in which they were given, then by index. */
export function compareAcknowledged(a: Acknowledged, b: Acknowledged): number {
  return a.term - b.term || a.index - b.index;
}
