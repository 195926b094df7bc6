import {
  decodeEntries,
  decodeEvents,
  type ErrorBody,
  type KeyRange,
  type KeyValue,
  type Revision,
  type RevisionEvents,
  type WatchCreate,
  type WatchStart,
} from '@conclave/protocol';
import { ConclaveError, fromBody } from '../error.ts';
import { entryOf } from '../keys/entry.ts';
import type { KeySpace } from '../keys/key-space.ts';
import { eventsBatch, type SnapshotBatch, type WatchBatch } from './batch.ts';
import { BatchBuffer } from './batch-buffer.ts';

export interface StreamOptions {
  readonly space: KeySpace;
  readonly selectors: readonly KeyRange[];
  readonly start: WatchStart;
  readonly keysOnly: boolean;
  readonly previous: boolean;
  readonly events: 'all' | 'put' | 'delete';
  readonly progressMs: number | null;
  readonly onCompacted: 'throw' | 'resync';
  readonly maxBufferedBytes: number;
}

/** The connection side of a watch, as the stream needs it. */
export interface StreamWire {
  create(stream: WatchStream): void;
  credit(stream: WatchStream, bytes: number): void;
  cancel(stream: WatchStream): void;
  saw(revision: Revision): void;
  nowMs(): number;
}

interface PartialSnapshot {
  readonly reason: SnapshotBatch['reason'];
  /** Of the pieces that came; null before the first. */
  readonly revision: Revision | null;
  /** Nothing of it was given to the application yet. */
  first: boolean;
}

/**
 * One watch over all its connections: how far it is, what was sent and not yet taken, what it asks for when it goes on elsewhere. Nothing is
 * missed or repeated, because it goes on exactly behind the last whole revision that was put into the buffer.
 */
export class WatchStream {
  readonly options: StreamOptions;
  readonly buffer: BatchBuffer;
  readonly #wire: StreamWire;
  /** Of this connection; null while it is not created there. */
  wireId: number | null = null;
  /** Everything up to it was given. Null: nothing yet, it begins as asked. */
  #position: Revision | null = null;
  #incarnation = 0;
  #fragments: Uint8Array[] = [];
  #fragmentBytes = 0;
  #held: KeyValue[] = [];
  #heldBytes = 0;
  /** A state is expected, or has begun to come: that of `revision`. */
  #snapshot: PartialSnapshot | null = null;
  /** Taken by the application and not yet granted again. */
  #owedBytes = 0;
  #isEnded = false;
  /** When this watch last heard that it is up to date. */
  #heardMs: number;

  constructor(wire: StreamWire, options: StreamOptions) {
    this.#wire = wire;
    this.options = options;
    this.#heardMs = wire.nowMs();
    if (options.start.at === 'snapshot') this.#snapshot = { reason: 'initial', revision: null, first: true };
    this.buffer = new BatchBuffer((bytes) => this.#taken(bytes));
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get position(): Revision | null {
    return this.#position;
  }

  get heardMs(): number {
    return this.#heardMs;
  }

  get #outstandingBytes(): number {
    return this.buffer.bytes + this.#heldBytes;
  }

  /** False: the buffer is full; it is created when there is room again. */
  get canBegin(): boolean {
    return !this.#isEnded && this.wireId === null && this.buffer.bytes < this.options.maxBufferedBytes;
  }

  connected(incarnation: number): void {
    const restored = this.#incarnation !== 0 && this.#incarnation !== incarnation;
    this.#incarnation = incarnation;
    if (!restored || this.#position === null) return;
    if (this.options.onCompacted === 'throw' && this.options.start.at !== 'snapshot') {
      const message = 'watch: the cluster was restored from a backup; its revisions mean something else now';
      return this.fail(new ConclaveError('COMPACTED', message, { details: { incarnation } }));
    }
    this.#position = null;
    this.#snapshot = { reason: 'restored', revision: null, first: true };
  }

  /** What was begun and not finished is begun anew. */
  disconnected(): void {
    this.wireId = null;
    this.#fragments = [];
    this.#fragmentBytes = 0;
    this.#held = [];
    this.#heldBytes = 0;
    this.#owedBytes = 0;
    if (this.#snapshot !== null) this.#snapshot = { ...this.#snapshot, revision: null, first: true };
  }

  createMessage(watch: number): WatchCreate {
    this.wireId = watch;
    const { events, keysOnly, maxBufferedBytes, onCompacted, previous, progressMs, selectors } = this.options;
    const onCompaction = onCompacted === 'resync' ? 'resync' : 'error';
    const creditBytes = Math.max(1, maxBufferedBytes - this.#outstandingBytes);
    const from = this.#start();
    return {
      type: 'watchCreate',
      watch,
      selectors,
      from,
      keysOnly,
      previous,
      events,
      progressMs,
      onCompaction,
      creditBytes,
    };
  }

  #start(): WatchStart {
    if (this.#snapshot !== null) return { at: 'snapshot' };
    if (this.#position !== null) return { at: 'revision', revision: this.#position + 1 };
    return this.options.start;
  }

  created(revision: Revision): void {
    // From now on means: behind this revision, also when it goes on elsewhere.
    if (this.#snapshot === null && this.#position === null && this.options.start.at === 'now') this.#advance(revision);
    this.#heard();
  }

  /** `whole`: the revision, if this message is all of it; decoded once for all watches that it names. */
  events(bytes: Uint8Array, more: boolean, whole: () => RevisionEvents): void {
    if (more || this.#fragments.length > 0) {
      this.#fragments.push(bytes);
      this.#fragmentBytes += bytes.length;
    }
    if (more) return;
    const size = Math.max(bytes.length, this.#fragmentBytes);
    const revision = this.#fragments.length === 0 ? whole() : decodeEvents(joined(this.#fragments, size));
    this.#fragments = [];
    this.#fragmentBytes = 0;
    this.#heard();
    if (this.#position !== null && revision.revision <= this.#position) return this.#taken(size);
    this.#advance(revision.revision);
    this.#add(eventsBatch(revision, this.options.space), size);
  }

  /** Small pieces are put together: most snapshots are one batch. Not more than half of the credit is held back for it. */
  snapshotPiece(bytes: Uint8Array, revision: Revision): void {
    this.#expectSnapshotOf(revision);
    for (const entry of decodeEntries(bytes)) this.#held.push(entry);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes >= this.options.maxBufferedBytes / 2) this.#giveSnapshot(revision, false);
  }

  /** A state of another revision than that of the pieces so far: a compaction overtook it, and the member began anew. */
  #expectSnapshotOf(revision: Revision): void {
    const snapshot = this.#snapshot;
    if (snapshot?.revision === revision) return;
    const isFirst = snapshot !== null && snapshot.revision === null;
    this.#snapshot = { reason: isFirst ? snapshot.reason : 'compacted', revision, first: true };
    if (isFirst || this.#heldBytes === 0) return;
    const voidBytes = this.#heldBytes;
    this.#held = [];
    this.#heldBytes = 0;
    this.#taken(voidBytes);
  }

  synced(revision: Revision): void {
    this.#expectSnapshotOf(revision);
    this.#giveSnapshot(revision, true);
    this.#snapshot = null;
    this.#advance(revision);
    this.#heard();
  }

  #giveSnapshot(revision: Revision, last: boolean): void {
    const { first = true, reason = 'initial' } = this.#snapshot ?? {};
    const entries = this.#held.map((entry) => entryOf(entry, this.options.space));
    const bytes = this.#heldBytes;
    this.#held = [];
    this.#heldBytes = 0;
    if (this.#snapshot !== null) this.#snapshot.first = false;
    this.#add({ type: 'snapshot', revision, entries, first, last, reason }, bytes);
  }

  progress(revision: Revision): void {
    this.#heard();
    if (this.#snapshot !== null || (this.#position !== null && revision < this.#position)) return;
    this.#advance(revision);
    this.#add({ type: 'progress', revision }, 0);
  }

  /** The member ended it. True: it goes on, after another attempt. */
  endedByMember(error: ErrorBody | null): boolean {
    this.disconnected();
    if (error === null || error.code === 'UNAVAILABLE' || error.code === 'OVERLOADED') return true;
    this.fail(fromBody(error));
    return false;
  }

  /** Nobody wants it any more. */
  close(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#wire.cancel(this);
    this.buffer.discard();
  }

  fail(error: ConclaveError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#wire.cancel(this);
    this.buffer.finish(error);
  }

  #add(batch: WatchBatch, bytes: number): void {
    this.buffer.add(batch, bytes);
  }

  #advance(revision: Revision): void {
    this.#position = Math.max(this.#position ?? 0, revision);
    this.#wire.saw(revision);
  }

  #heard(): void {
    this.#heardMs = this.#wire.nowMs();
  }

  /** Granted again in large pieces: a quarter of the buffer, or all when there is nothing left in it. */
  #taken(bytes: number): void {
    if (this.#isEnded) return;
    if (this.wireId === null) {
      this.#wire.create(this);
      return;
    }
    this.#owedBytes += bytes;
    const large = this.#owedBytes >= this.options.maxBufferedBytes / 4;
    if (this.#owedBytes === 0 || !(large || this.buffer.bytes === 0)) return;
    const owed = this.#owedBytes;
    this.#owedBytes = 0;
    this.#wire.credit(this, owed);
  }
}

function joined(fragments: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const fragment of fragments) {
    whole.set(fragment, offset);
    offset += fragment.length;
  }
  return whole;
}
