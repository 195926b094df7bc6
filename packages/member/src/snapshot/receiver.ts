import type { MemberId, SnapshotMeta, Term } from '@conclave/core';
import type { SnapshotStaging, SnapshotStore } from '@conclave/storage';
import { asError } from '../defect.ts';
import type { Logger } from '../environment.ts';
import type { PeerMessage } from '../peer/message.ts';
import { bounds } from '../settings.ts';
import type { SnapshotChunk, SnapshotEnd, SnapshotOffer } from './message.ts';

export interface SnapshotReceiverListener {
  send(to: MemberId, message: PeerMessage): void;
  /** Nobody is to be served any more until there is a newer state. */
  fellBehind(): void;
  /** Complete and durable: core decides whether it is of use. */
  received(snapshot: SnapshotMeta, term: Term): void;
}

type Step = SnapshotOffer | SnapshotChunk | SnapshotEnd;

interface Waiting {
  readonly from: MemberId;
  readonly step: Step;
}

/**
 * Takes one snapshot at a time, one step after the other. Whatever comes, the answer is where it stands: so nothing has to be remembered of a
 * sender that vanished, and one that repeats itself does no harm.
 */
export class SnapshotReceiver {
  readonly #store: () => SnapshotStore;
  readonly #applied: () => number;
  readonly #log: Logger;
  readonly #listener: SnapshotReceiverListener;
  #staging: SnapshotStaging | null = null;
  /** Id of one that core was told of, until it says what becomes of it. */
  #handedOn: string | null = null;
  #term: Term = 0 as Term;
  /** What the newest offer would bring; 0 when nothing is offered that this member lacks. */
  #behind = 0;
  #isWorking = false;
  /** As many as a sender has under way; what is more is dropped, and sent again. */
  #waiting: Waiting[] = [];
  #stopped = false;

  /** `applied`: the index up to which this member's own state has come. */
  constructor(store: () => SnapshotStore, applied: () => number, log: Logger, listener: SnapshotReceiverListener) {
    this.#store = store;
    this.#applied = applied;
    this.#log = log;
    this.#listener = listener;
  }

  /** A leader has found this member's log too short to go on from, and it has no newer state yet. */
  get isBehind(): boolean {
    return this.#behind > 0;
  }

  take(from: MemberId, step: Step): void {
    if (this.#stopped || this.#waiting.length > 2 * bounds.snapshotWindowChunks) return;
    this.#waiting.push({ from, step });
    if (!this.#isWorking) void this.#work();
  }

  /** Core has no use for it: what is staged may go. */
  discard(id: string): void {
    this.#behind = 0;
    if (this.#handedOn === id) this.#handedOn = null;
    const staging = this.#staging;
    if (staging?.meta.id !== id) return;
    this.#staging = null;
    staging.abort().catch((error: unknown) => this.#log.warn({ reason: asError(error).message }, 'a staging stays'));
  }

  /** Another leader may have gone on where the log ended, without any snapshot. */
  appliedTo(index: number): void {
    if (index >= this.#behind) this.#behind = 0;
  }

  /** The log has switched to it. */
  installed(): void {
    this.#behind = 0;
    this.#handedOn = null;
    this.#staging = null;
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (let one = this.#waiting.shift(); one !== undefined; one = this.#waiting.shift()) {
      const { from, step } = one;
      try {
        await this.#do(from, step);
      } catch (error) {
        if (!this.#stopped) this.#trouble(from, step, error);
      }
    }
    this.#isWorking = false;
  }

  async #do(from: MemberId, step: Step): Promise<void> {
    switch (step.type) {
      case 'snapshotOffer':
        return this.#offered(from, step);
      case 'snapshotChunk':
        return this.#chunk(from, step);
      case 'snapshotEnd':
        return this.#end(from, step);
    }
  }

  async #offered(from: MemberId, { meta, term }: SnapshotOffer): Promise<void> {
    if (meta.position.index <= this.#applied()) return this.#isThere(from, meta.id);
    // Taking it would remove the other one, which the log may be switching to. Its sender asks again.
    if (this.#handedOn !== null && this.#handedOn !== meta.id) return;
    this.#term = term;
    if (this.#behind === 0) this.#listener.fellBehind();
    this.#behind = meta.position.index;
    if (this.#staging?.meta.id !== meta.id) {
      this.#log.info({ from, index: meta.position.index, snapshot: meta.id }, 'receiving a snapshot');
      this.#staging = null;
      this.#staging = await this.#store().stage(meta);
    }
    this.#answer(from, meta.id);
  }

  /**
   * Said late, or again: nothing that it would bring is lacking. Taken for news it would make this member serve nobody, and where nothing is
   * written nothing would ever end that. The sender is told that it is done, and goes on with the log.
   */
  #isThere(from: MemberId, id: string): void {
    if (this.#staging?.meta.id === id && this.#handedOn !== id) this.discard(id);
    this.#listener.send(from, { type: 'snapshotProgress', id, next: 0, done: true, refusal: null });
  }

  async #chunk(from: MemberId, { bytes, id, number }: SnapshotChunk): Promise<void> {
    const staging = this.#staging;
    // Of another one, or one that was overtaken by a beginning anew.
    if (staging?.meta.id !== id || staging.finished || number !== staging.next) return;
    await staging.write(bytes);
    this.#answer(from, id);
  }

  async #end(from: MemberId, { chunks, id }: SnapshotEnd): Promise<void> {
    const staging = this.#staging;
    if (staging?.meta.id !== id) return;
    if (!staging.finished && staging.next === chunks) {
      await staging.finish();
      this.#log.info({ from, chunks, index: staging.meta.position.index }, 'received a snapshot');
      this.#handedOn = id;
      this.#listener.received(staging.meta, this.#term);
    }
    this.#answer(from, id);
  }

  #answer(to: MemberId, id: string): void {
    if (this.#stopped || this.#staging?.meta.id !== id) return;
    const { finished, next } = this.#staging;
    this.#listener.send(to, { type: 'snapshotProgress', id, next, done: finished, refusal: null });
  }

  /** A damaged chunk has changed nothing and is asked for again; with anything else the staging is gone, and log and state go on. */
  #trouble(from: MemberId, step: Step, error: unknown): void {
    const id = step.type === 'snapshotOffer' ? step.meta.id : step.id;
    const reason = asError(error).message;
    this.#log.warn({ from, snapshot: id, reason }, 'a snapshot could not be taken');
    if ((error as { readonly code?: unknown }).code === 'bad-chunk') return this.#answer(from, id);
    const next = this.#staging?.next ?? 0;
    this.#staging = null;
    this.#listener.send(from, { type: 'snapshotProgress', id, next, done: false, refusal: reason });
  }
}
