import type { Broken, Fence, HoldProof, LockName, LockRequestId } from '@conclave/protocol';
import { Emitter } from '../emitter.ts';
import { ConclaveError } from '../error.ts';
import { driftMarginMs } from '../session/liveness.ts';
import type { SessionCore } from '../session/session-core.ts';
import { takeBack } from './take-back.ts';

/** A compare that holds while the lock is held by this request: in a transaction, the cluster itself turns a late writer away. */
export interface Guard {
  readonly target: 'lock';
  readonly name: LockName;
  readonly fence: Fence;
  readonly holder: LockRequestId;
}

/** `contended`: the first other one has begun to wait for it. */
export type HoldEvents = { readonly contended: readonly [] };

/**
 * What a session holds under one fence: a lock, or several that were granted together. It has a deadline of its own beside the session's: an operator who breaks a hold makes the next
 * grant wait for the holder's ttl, so a hold that was seen at the cluster by a question sent at t is nobody else's before t + ttl.
 */
export class Hold {
  readonly names: readonly LockName[];
  readonly core: SessionCore;
  readonly events: Emitter<HoldEvents>;
  /** Of the acquire. */
  readonly sequence: number;
  #isContended = false;
  /** Its mode is being changed: the cluster may have it under a later fence than is known here. */
  isConverting = false;
  #fence: Fence;

  readonly #controller = new AbortController();
  #confirmedMs: number;

  constructor(core: SessionCore, names: readonly LockName[], sequence: number, fence: Fence, confirmedMs: number) {
    this.core = core;
    this.sequence = sequence;
    this.names = names;
    this.events = new Emitter(core.report);
    this.#fence = fence;
    this.#confirmedMs = confirmedMs;
    core.holds.add(this);
    if (core.isFinal) this.end('its session has ended', core.signal.reason);
  }

  /** Of the last grant: a change of mode is one. */
  get fence(): Fence {
    return this.#fence;
  }

  converted(fence: Fence): void {
    this.#fence = Math.max(this.#fence, fence);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isOver(): boolean {
    return this.#controller.signal.aborted;
  }

  confirmed(sentMs: number): void {
    this.#confirmedMs = Math.max(this.#confirmedMs, sentMs);
  }

  get #deadlineMs(): number {
    const { ttlMs } = this.core;
    return this.#confirmedMs + ttlMs - driftMarginMs(ttlMs);
  }

  remainingMs(nowMs: number): number {
    return this.isOver ? 0 : Math.max(0, Math.min(this.core.deadlineMs, this.#deadlineMs) - nowMs);
  }

  check(nowMs: number): void {
    if (nowMs < this.#deadlineMs) return;
    this.end('nobody confirmed it within its time', undefined);
    // There it is held as long as the session lives, and whoever has lost it here may never release it.
    takeBack(this.core, this.sequence, this.name.kind);
  }

  /** Somebody broke a hold of this session: this one, if its acquire had that sequence. */
  broken({ author, delayMs, reason, sequence }: Broken): void {
    if (sequence !== this.sequence) return;
    const who = author === null ? '' : ` by ${author}`;
    const why = reason === null ? '' : `: ${reason}`;
    const next = delayMs === 0 ? 'the next one may hold it already' : `nobody is granted for ${delayMs} ms`;
    this.end(`it was broken${who}${why}; ${next}`, undefined, { delayMs });
  }

  /** Somebody waits for it. */
  get isContended(): boolean {
    return this.#isContended;
  }

  contended(): void {
    if (this.#isContended || this.isOver) return;
    this.#isContended = true;
    this.events.emit('contended');
  }

  /** For a keepalive. */
  get proof(): HoldProof {
    return { ...this.#id, fence: this.fence };
  }

  /** This hold and no other, in a transaction or a question to the cluster. */
  get guard(): Guard {
    return { target: 'lock', name: this.name, fence: this.fence, holder: this.#id };
  }

  get name(): LockName {
    const [first] = this.names;
    if (first === undefined) throw new Error('a hold of nothing');
    return first;
  }

  get #id(): LockRequestId {
    return { session: this.core.id ?? 0, sequence: this.sequence };
  }

  /** `delayMs`: from when somebody else ended it, nobody is granted for so long. */
  end(why: string, cause: unknown, details: { readonly delayMs?: number } = {}): void {
    if (this.isOver) return;
    this.core.holds.delete(this);
    const message = `${this.name.kind} under fence ${this.fence}: ${why}`;
    this.#controller.abort(
      new ConclaveError('LOCK_LOST', message, { details: { fence: this.fence, ...details }, cause }),
    );
  }
}
