import type { Index, MemberId, Millis, SnapshotSend, SnapshotToken, Term } from '@conclave/core';
import type { SnapshotExport, SnapshotStore } from '@conclave/storage';
import { asError } from '../defect.ts';
import type { Cancel, Clock, Logger, Timers } from '../environment.ts';
import type { PeerMessage } from '../peer/message.ts';
import { bounds } from '../settings.ts';
import type { SnapshotProgress } from './message.ts';

export interface SnapshotSenderListener {
  send(to: MemberId, message: PeerMessage): void;
  /** The receiver has taken more than before. */
  progressed(token: SnapshotToken): void;
  sent(token: SnapshotToken, index: Index): void;
  failed(token: SnapshotToken): void;
}

interface Source {
  readonly export: SnapshotExport;
  users: number;
}

interface Stream {
  readonly token: SnapshotToken;
  readonly member: MemberId;
  readonly term: Term;
  source: Source | null;
  /** Where the receiver is; null until it has answered. */
  acknowledged: number | null;
  /** Where it was when it last said so. */
  reached: number;
  reportedAtMs: Millis;
  /** The chunk that is read next. */
  next: number;
  chunks: AsyncIterator<Uint8Array> | null;
  isReading: boolean;
  allSent: boolean;
  heardAtMs: Millis;
  nextChunkAtMs: Millis;
  pacer: Cancel | null;
  /** Not begun: the member could not take the last one. What the snapshot must cover. */
  waitsFor: Index | null;
  patience: Cancel | null;
}

/**
 * Snapshots on their way to members that lag too far, a few at a time. Paced, so that the log's own writes keep their latency, and no further
 * ahead of the receiver than a window. A link that breaks costs what was under way: the receiver says where it goes on.
 */
export class SnapshotSender {
  readonly #store: () => SnapshotStore;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #log: Logger;
  readonly #listener: SnapshotSenderListener;
  readonly #streams = new Map<SnapshotToken, Stream>();
  /** Members that were offered one lately: when they may be offered another, and how long they have to wait for it. */
  readonly #retries = new Map<MemberId, { readonly atMs: Millis; readonly delayMs: Millis }>();
  #sources: Source[] = [];

  constructor(
    store: () => SnapshotStore,
    { clock, timers, log }: { readonly clock: Clock; readonly timers: Timers; readonly log: Logger },
    listener: SnapshotSenderListener,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#timers = timers;
    this.#log = log;
    this.#listener = listener;
  }

  get count(): number {
    return this.#streams.size;
  }

  begin({ atLeast, member, token }: SnapshotSend, term: Term): void {
    // Core has given the last one up: two would take the receiver from each other, without end.
    for (const stream of this.#streams.values()) if (stream.member === member) this.#drop(stream);
    const now = this.#clock.nowMs();
    const stream: Stream = {
      token,
      member,
      term,
      source: null,
      acknowledged: null,
      reached: 0,
      reportedAtMs: now,
      next: 0,
      chunks: null,
      isReading: false,
      allSent: false,
      heardAtMs: now,
      nextChunkAtMs: now,
      pacer: null,
      waitsFor: null,
      patience: null,
    };
    this.#streams.set(token, stream);
    const waitMs = (this.#retries.get(member)?.atMs ?? now) - now;
    // It did without for long enough.
    if (waitMs < -bounds.snapshotMaxRetryMs) this.#retries.delete(member);
    if (waitMs <= 0) return this.#begin(stream, atLeast);
    stream.pacer = this.#timers.after(waitMs, () => this.#waitIsOver(stream));
    stream.waitsFor = atLeast;
  }

  #waitIsOver(stream: Stream): void {
    const { waitsFor } = stream;
    if (waitsFor === null) return;
    stream.waitsFor = null;
    stream.pacer?.();
    stream.pacer = null;
    stream.heardAtMs = this.#clock.nowMs();
    this.#begin(stream, waitsFor);
  }

  /** The member has connected anew: what kept it from taking a snapshot may be over. */
  connected(member: MemberId): void {
    this.#retries.delete(member);
    for (const stream of this.#streams.values()) if (stream.member === member) this.#waitIsOver(stream);
  }

  #begin(stream: Stream, atLeast: Index): void {
    this.#source(atLeast).then(
      (source) => this.#offer(stream, source),
      (error: unknown) => this.#fail(stream, asError(error).message),
    );
  }

  /** The receiver has said where it is. */
  progress(from: MemberId, { done, id, next, refusal }: SnapshotProgress): void {
    for (const stream of this.#streams.values()) {
      if (stream.member !== from || stream.source?.export.meta.id !== id) continue;
      stream.heardAtMs = this.#clock.nowMs();
      if (refusal !== null) return this.#fail(stream, refusal);
      if (done) return this.#finish(stream);
      this.#reached(stream, next);
      const isLost = stream.acknowledged === null || next < stream.acknowledged;
      stream.acknowledged = next;
      // The first word, or one that was asked for because nothing more was heard: everything behind `next` was lost.
      if (isLost || (next < stream.next && stream.allSent)) this.#readFrom(stream, next);
      return this.#advance(stream);
    }
  }

  #reached(stream: Stream, next: number): void {
    const isFurther = next > stream.reached;
    // Less than before: it began anew.
    stream.reached = next;
    const now = this.#clock.nowMs();
    if (!isFurther || now - stream.reportedAtMs < bounds.snapshotReportMs) return;
    stream.reportedAtMs = now;
    this.#listener.progressed(stream.token);
  }

  /** It does not lead any more: whoever does, sends its own. */
  abandon(): void {
    for (const stream of this.#streams.values()) this.#drop(stream);
    this.#retries.clear();
  }

  /** One that is being sent to another member already, or a new one. */
  async #source(atLeast: Index): Promise<Source> {
    const known = this.#sources.find((source) => source.export.meta.position.index >= atLeast);
    if (known !== undefined) {
      known.users++;
      return known;
    }
    const source = { export: await this.#store().export(), users: 1 };
    this.#sources.push(source);
    return source;
  }

  #offer(stream: Stream, source: Source): void {
    stream.source = source;
    // Leadership was lost while the snapshot was made.
    if (!this.#streams.has(stream.token)) return this.#release(stream);
    const { meta } = source.export;
    this.#log.info({ member: stream.member, index: meta.position.index, snapshot: meta.id }, 'sending a snapshot');
    this.#sayOffer(stream);
    this.#watch(stream);
  }

  #sayOffer(stream: Stream): void {
    if (stream.source === null) return;
    const { meta } = stream.source.export;
    this.#listener.send(stream.member, { type: 'snapshotOffer', term: stream.term, meta });
  }

  /** Silence: the offer is said again, which a receiver answers with where it is; after long silence it is given up. */
  #watch(stream: Stream): void {
    stream.patience = this.#timers.after(bounds.snapshotRepeatMs, () => {
      const silentMs = this.#clock.nowMs() - stream.heardAtMs;
      if (silentMs >= bounds.snapshotPatienceMs) return this.#fail(stream, `silent for ${Math.round(silentMs)} ms`);
      if (silentMs >= bounds.snapshotRepeatMs) {
        stream.acknowledged = null;
        this.#sayOffer(stream);
      }
      this.#watch(stream);
    });
  }

  #readFrom(stream: Stream, next: number): void {
    stream.next = next;
    stream.allSent = false;
    void stream.chunks?.return?.();
    stream.chunks = stream.source?.export.chunks(next)[Symbol.asyncIterator]() ?? null;
    stream.isReading = false;
  }

  #advance(stream: Stream): void {
    const { acknowledged, allSent, chunks, isReading, next } = stream;
    if (chunks === null || acknowledged === null || isReading || allSent || stream.pacer !== null) return;
    if (next - acknowledged >= bounds.snapshotWindowChunks) return;
    const waitMs = stream.nextChunkAtMs - this.#clock.nowMs();
    if (waitMs > 0) {
      stream.pacer = this.#timers.after(waitMs, () => {
        stream.pacer = null;
        this.#advance(stream);
      });
      return;
    }
    stream.isReading = true;
    stream.nextChunkAtMs = this.#clock.nowMs() + bounds.snapshotChunkIntervalMs;
    chunks.next().then(
      (read) => this.#read(stream, chunks, read),
      (error: unknown) => this.#fail(stream, asError(error).message),
    );
  }

  #read(stream: Stream, from: AsyncIterator<Uint8Array>, { done, value }: IteratorResult<Uint8Array>): void {
    // Begun anew elsewhere, or over.
    if (stream.chunks !== from || stream.source === null || !this.#streams.has(stream.token)) return;
    stream.isReading = false;
    const { id } = stream.source.export.meta;
    if (done === true) {
      stream.allSent = true;
      this.#listener.send(stream.member, { type: 'snapshotEnd', id, chunks: stream.next });
      return;
    }
    this.#listener.send(stream.member, { type: 'snapshotChunk', id, number: stream.next++, bytes: value });
    this.#advance(stream);
  }

  #finish(stream: Stream): void {
    const index = stream.source?.export.meta.position.index as Index;
    this.#log.info({ member: stream.member, index }, 'sent a snapshot');
    this.#delayNext(stream.member);
    this.#drop(stream);
    this.#listener.sent(stream.token, index);
  }

  #fail(stream: Stream, reason: string): void {
    if (!this.#streams.has(stream.token)) return;
    this.#log.warn({ member: stream.member, reason }, 'a snapshot was not sent');
    this.#delayNext(stream.member);
    this.#drop(stream);
    this.#listener.failed(stream.token);
  }

  #delayNext(member: MemberId): void {
    const before = this.#retries.get(member)?.delayMs ?? bounds.snapshotRetryMs / 2;
    const delayMs = Math.min(2 * before, bounds.snapshotMaxRetryMs);
    this.#retries.set(member, { atMs: this.#clock.nowMs() + delayMs, delayMs });
  }

  #drop(stream: Stream): void {
    this.#streams.delete(stream.token);
    stream.pacer?.();
    stream.patience?.();
    void stream.chunks?.return?.();
    stream.chunks = null;
    if (stream.source !== null) this.#release(stream);
  }

  #release(stream: Stream): void {
    const { source } = stream;
    stream.source = null;
    if (source === null || --source.users > 0) return;
    this.#sources = this.#sources.filter((one) => one !== source);
    // What cannot be let go is gone with the database.
    source.export.release().catch(() => undefined);
  }
}
