import type { Broken, Fence, LockName } from '@conclave/protocol';
import { ConclaveError } from '../error.ts';
import { driftMarginMs } from '../session/liveness.ts';
import type { SessionCore } from '../session/session-core.ts';

/**
 * What a session holds under one fence. It has a deadline of its own beside the session's: an operator who breaks a hold makes the next
 * grant wait for the holder's ttl, so a hold that was seen at the cluster by a question sent at t is nobody else's before t + ttl.
 */
export class Hold {
  readonly name: LockName;
  readonly fence: Fence;
  readonly core: SessionCore;
  /** Of the acquire. */
  readonly #sequence: number | null;
  readonly #controller = new AbortController();
  #confirmedMs: number;

  constructor(core: SessionCore, name: LockName, sequence: number | null, fence: Fence, confirmedMs: number) {
    this.core = core;
    this.#sequence = sequence;
    this.name = name;
    this.fence = fence;
    this.#confirmedMs = confirmedMs;
    core.holds.add(this);
    if (core.isFinal) this.end('its session has ended', core.signal.reason);
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
  }

  /** Somebody broke a hold of this session: this one, if its acquire had that sequence. */
  broken({ author, delayMs, reason, sequence }: Broken): void {
    if (sequence !== this.#sequence) return;
    const who = author === null ? '' : ` by ${author}`;
    const why = reason === null ? '' : `: ${reason}`;
    const next = delayMs === 0 ? 'the next one may hold it already' : `nobody is granted for ${delayMs} ms`;
    this.end(`it was broken${who}${why}; ${next}`, undefined);
  }

  end(why: string, cause: unknown): void {
    if (this.isOver) return;
    this.core.holds.delete(this);
    const message = `${this.name.kind} under fence ${this.fence}: ${why}`;
    this.#controller.abort(new ConclaveError('LOCK_LOST', message, { details: { fence: this.fence }, cause }));
  }
}
