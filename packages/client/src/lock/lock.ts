import { encodeOperation, type Fence, type LockReleaseResult, type LockRequestId } from '@conclave/protocol';
import { bounds } from '../bounds.ts';
import type { Unsubscribe } from '../emitter.ts';
import type { Environment } from '../environment.ts';
import { ConclaveError } from '../error.ts';
import type { SessionCore } from '../session/session-core.ts';
import type { Guard, Hold, HoldEvents } from './hold.ts';

/** What is held, and for as long as `signal` has not aborted. */
export interface Held extends AsyncDisposable {
  readonly name: string;
  /** Larger than that of every grant before, for ever. What is written under it can refuse a smaller one. */
  readonly fence: Fence;
  /** Aborts before anybody else can hold it. Its reason is a ConclaveError. */
  readonly signal: AbortSignal;
  /** Until its signal aborts, if nothing more is confirmed. 0 when it is over. */
  remainingMs(): number;
  /** Throws LOCK_LOST if it is not held any more, by the clock of this moment. */
  assertHeld(): void;
  /** Throws as `assertHeld`. */
  guard(): Guard;
  /** Somebody waits for it, so that whoever can do with less may give it back early. */
  readonly isContended: boolean;
  /** `contended`: the first other one has begun to wait. */
  on<E extends keyof HoldEvents>(event: E, listener: (...values: HoldEvents[E]) => void): Unsubscribe;
}

export interface Lock extends Held {
  /** Resolves when the cluster has released it. Once is enough; again does nothing, and never ends a later hold. */
  release(options?: { readonly timeoutMs?: number }): Promise<void>;
}

const holds = new WeakMap<Held, Hold>();

/** Of a handle that this client gave out. */
function holdOf(held: Held): Hold | null {
  return holds.get(held) ?? null;
}

/** This handle stands for the same hold as that one. */
export function holdsAs(handle: Held, of: Held): void {
  const hold = holdOf(of);
  if (hold !== null) holds.set(handle, hold);
}

/** Their sequences. Throws INVALID_ARGUMENT for what hangs on another session, LOCK_LOST for what is not held. */
export function keptBy(owner: SessionCore, keeping: readonly Held[]): readonly number[] {
  return keeping.map((held) => {
    held.assertHeld();
    const hold = holdOf(held);
    if (hold?.core === owner) return hold.sequence;
    throw new ConclaveError('INVALID_ARGUMENT', `keeping: ${held.name} hangs on another session`);
  });
}

/** What lock and leadership have in common. */
export class HeldHandle implements Lock {
  readonly name: string;
  protected readonly hold: Hold;
  protected readonly environment: Environment;
  readonly #check: () => void;
  #released: Promise<LockReleaseResult['outcome']> | null = null;

  constructor(environment: Environment, hold: Hold, name: string, check: () => void) {
    this.environment = environment;
    this.hold = hold;
    holds.set(this, hold);
    this.name = name;
    this.#check = check;
  }

  get fence(): Fence {
    return this.hold.fence;
  }

  get signal(): AbortSignal {
    return this.hold.signal;
  }

  remainingMs(): number {
    this.#check();
    return this.hold.remainingMs(this.environment.clock.nowMs());
  }

  assertHeld(): void {
    // Timers may be late; the clock is not.
    this.#check();
    if (this.hold.isOver) throw this.hold.signal.reason;
  }

  guard(): Guard {
    this.assertHeld();
    return this.hold.guard;
  }

  get isContended(): boolean {
    return this.hold.isContended;
  }

  on<E extends keyof HoldEvents>(event: E, listener: (...values: HoldEvents[E]) => void): Unsubscribe {
    return this.hold.events.on(event, listener);
  }

  async release({ timeoutMs = bounds.requestTimeoutMs }: { readonly timeoutMs?: number } = {}): Promise<void> {
    const released = this.giveBack(null);
    await new Promise<void>((resolve, reject) => {
      const stop = this.environment.timers.after(timeoutMs, () => {
        const message = `release of ${this.name}: not answered within its time; it is asked for until it is`;
        reject(new ConclaveError('DEADLINE_EXCEEDED', message, { outcome: 'unknown' }));
      });
      void released.finally(stop).then(() => resolve());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /**
   * To the heir; if that one does not wait any more (`kept`), to the next in turn. Once: later calls get the same promise. It never rejects:
   * asked until it is answered, or the session ends, which releases it too.
   */
  protected async giveBack(heir: LockRequestId | null): Promise<LockReleaseResult['outcome']> {
    this.#released ??= this.#giveBack(heir);
    return this.#released;
  }

  async #giveBack(heir: LockRequestId | null): Promise<LockReleaseResult['outcome']> {
    // Ours ends here before it ends there.
    this.hold.end('it was released', undefined);
    const outcome = await this.#askRelease(heir);
    if (outcome === 'kept') await this.#askRelease(null);
    return outcome;
  }

  async #askRelease(heir: LockRequestId | null): Promise<LockReleaseResult['outcome']> {
    const { core, fence, isConverting, sequence } = this.hold;
    if (core.isFinal) return 'ended';
    // Whatever its fence is there by now.
    const ending = { type: 'lockCancel', sequence } as const;
    const operation = encodeOperation(isConverting ? ending : { type: 'lockRelease', sequence, fence, heir });
    const mutation = { what: `release of ${this.name}`, operation, reason: null, givesBack: true } as const;
    try {
      const result = await core.mutate(mutation, { deadlineMs: Number.POSITIVE_INFINITY });
      if (result.type === 'lockCancel') return 'released';
      return result.type === 'lockRelease' ? result.outcome : 'ended';
    } catch {
      // Its session has ended, or the client is closed.
      return 'ended';
    }
  }
}
