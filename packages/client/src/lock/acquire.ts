import { type Broken, decodeResult, encodeOperation, type LockAcquire, type LockState } from '@conclave/protocol';
import type { Environment } from '../environment.ts';
import { asConclaveError, ConclaveError } from '../error.ts';
import type { Exchange, Waiting } from '../exchange/exchange.ts';
import type { SessionCore } from '../session/session-core.ts';
import { areHeld } from './confirm-holds.ts';
import type { GrantListener } from './grant-listener.ts';
import { type Guard, Hold } from './hold.ts';
import { standingOf } from './standing.ts';
import { takeBack } from './take-back.ts';
import { awaken } from './waiting.ts';

export type Acquisition = { readonly hold: Hold } | 'refused' | 'again';

type Standing = LockState & { readonly sentMs: number };

/** How long the cluster is asked whether a grant stands; then asked again, for as long as the caller waits. */
const confirmTimeoutMs = 5_000;

/** Of the ttl: a hold that counts from so long ago has time for the keepalive that confirms it, and for the one after that. */
const trustedShare = 1 / 3;

/**
 * One request for a lock, from the acquire until it holds, is refused or is taken back. It waits in the cluster's queue and is told its grant;
 * after each change of connection it asks where it stands, because the grant may have been told to the old one. However it fails, no grant
 * is left behind.
 */
export class Acquire implements GrantListener {
  readonly #environment: Environment;
  readonly #exchange: Exchange;
  readonly #core: SessionCore;
  readonly #operation: LockAcquire;
  readonly #encoded: Uint8Array;
  readonly #waiting: Waiting;
  readonly #what: string;
  #sequence: number | null = null;
  #pushedFence: number | null = null;
  #mustAsk = false;
  #broken: Broken | null = null;
  #isContended = false;
  #wake: (() => void) | null = null;

  constructor(
    environment: Environment,
    exchange: Exchange,
    core: SessionCore,
    what: string,
    operation: LockAcquire,
    waiting: Waiting,
  ) {
    this.#environment = environment;
    this.#exchange = exchange;
    this.#core = core;
    this.#what = what;
    this.#operation = operation;
    this.#encoded = encoded(operation);
    this.#waiting = waiting;
  }

  async run(): Promise<Acquisition> {
    try {
      return await this.#run();
    } catch (error) {
      if (this.#sequence !== null) takeBack(this.#core, this.#sequence, this.#what);
      throw this.#definite(asConclaveError(error));
    } finally {
      if (this.#sequence !== null) {
        this.#core.waiters.delete(this.#sequence);
        this.#core.ledger.settle(this.#sequence);
      }
    }
  }

  granted(fence: number): void {
    this.#pushedFence = fence;
    this.#wake?.();
  }

  contended(): void {
    this.#isContended = true;
  }

  /** The member tells it once, and this side may not know of the hold yet: the answer that says so comes in the same frame, perhaps. */
  broken(message: Broken): void {
    this.#broken = message;
  }

  attached(): void {
    this.#mustAsk = true;
    this.#wake?.();
  }

  async #run(): Promise<Acquisition> {
    let standing = await this.#ask();
    while (standing.state === 'queued') {
      await this.#news();
      const fence = this.#pushedFence;
      if (fence === null) {
        this.#mustAsk = false;
        standing = await this.#askAgain();
        continue;
      }
      // A grant that was told may be old when it arrives, but not older than the question that found it still waiting: it counts from there.
      // After a long wait not enough would be left of that, and it counts from one more question.
      const soon = this.#environment.clock.nowMs() - standing.sentMs < this.#core.ttlMs * trustedShare;
      const sinceMs = soon ? standing.sentMs : await this.#confirm(fence);
      if (sinceMs === null) return 'again';
      standing = { state: 'held', fence, sentMs: sinceMs };
    }
    if (standing.state === 'refused') return 'refused';
    if (standing.state !== 'held') return 'again';
    const names = this.#operation.claims.map(({ name }) => name);
    const hold = new Hold(this.#core, names, this.#taken, standing.fence, standing.sentMs);
    if (this.#broken !== null) hold.broken(this.#broken);
    if (this.#isContended) hold.contended();
    // The answer may have taken longer than a hold is good for: then it is given back, and the next attempt does not wait behind it.
    hold.check(this.#environment.clock.nowMs());
    return hold.isOver ? 'again' : { hold };
  }

  async #ask(): Promise<Standing> {
    const mutation = { what: this.#what, operation: this.#encoded, reason: null };
    if (this.#sequence !== null) this.#core.ledger.unkeep(this.#sequence);
    const { message, sentMs } = await this.#core.send(mutation, this.#waiting, {
      isTaken: this.#sequence !== null,
      sequence: () => this.#sequence ?? this.#take(),
      settled: () => {
        if (this.#sequence !== null) this.#core.ledger.keep(this.#sequence);
      },
    });
    if (message.type !== 'result') throw new Error(`an acquire was answered by ${message.type}`);
    const result = decodeResult(message.result);
    if (result.type !== 'lockAcquire') throw new Error(`an acquire was answered by ${result.type}`);
    return { ...result, sentMs };
  }

  #take(): number {
    const sequence = this.#core.ledger.take();
    this.#sequence = sequence;
    this.#core.waiters.set(sequence, this);
    return sequence;
  }

  get #taken(): number {
    if (this.#sequence === null) throw new Error('an acquire was answered and never sent');
    return this.#sequence;
  }

  /** The acquire itself, if the session's window let it stay unacknowledged; else what became of it is asked. */
  async #askAgain(): Promise<Standing> {
    if (this.#sequence !== null && this.#core.ledger.isOpen(this.#sequence)) return this.#ask();
    const id = { session: this.#core.id ?? 0, sequence: this.#taken };
    const { sentMs, standing } = await standingOf(this.#exchange, id, this.#what, this.#waiting);
    return standing === null ? { state: 'cancelled', sentMs } : { ...standing, sentMs };
  }

  #guard(fence: number): Guard {
    const [claim] = this.#operation.claims;
    if (claim === undefined) throw new Error('an acquire of nothing');
    const holder = { session: this.#core.id ?? 0, sequence: this.#taken };
    return { target: 'lock', name: claim.name, fence, holder };
  }

  async #confirm(fence: number): Promise<number | null> {
    for (;;) {
      const untilMs = this.#environment.clock.nowMs() + confirmTimeoutMs;
      try {
        const deadlineMs = Math.min(this.#waiting.deadlineMs, untilMs);
        const { signal } = this.#waiting;
        const { held, sentMs } = await areHeld(this.#exchange, [this.#guard(fence)], deadlineMs, signal);
        return held ? sentMs : null;
      } catch (error) {
        if (!ConclaveError.is(error, 'DEADLINE_EXCEEDED') || untilMs > this.#waiting.deadlineMs) throw error;
        if (this.#core.isFinal) throw this.#core.lostError();
      }
    }
  }

  /** Resolves when there is something to be looked at: a grant, another connection. */
  async #news(): Promise<void> {
    if (this.#pushedFence !== null || this.#mustAsk) return;
    const ends = {
      what: this.#what,
      lost: this.#core.signal,
      lostError: () => this.#core.lostError(),
      timedOut: () => new ConclaveError('DEADLINE_EXCEEDED', `${this.#what}: its turn did not come within its time`),
    };
    await awaken(this.#environment, this.#waiting, ends, (wake) => {
      this.#wake = wake;
    });
  }

  /** Whatever the cluster made of the acquire, nothing of it stays: it is taken back, or its session ends. */
  #definite(error: unknown): unknown {
    if (!ConclaveError.is(error) || error.outcome === 'not-applied') return error;
    const code = this.#core.isFinal ? this.#core.lostError().code : error.code;
    return new ConclaveError(code, error.message, { details: error.details, cause: error });
  }
}

/** What is wrong with a name, a number or a mode is found here first. */
function encoded(operation: LockAcquire): Uint8Array {
  try {
    return encodeOperation(operation);
  } catch (error) {
    throw asConclaveError(error);
  }
}
