import { encodeOperation, type LockConvert, type LockConvertResult } from '@conclave/protocol';
import type { Environment } from '../environment.ts';
import { asConclaveError, ConclaveError } from '../error.ts';
import type { Exchange, Waiting } from '../exchange/exchange.ts';
import type { GrantListener } from './grant-listener.ts';
import type { Hold } from './hold.ts';
import { standingOf } from './standing.ts';
import { awaken } from './waiting.ts';

type Mode = LockConvert['mode'];

/**
 * One change of the mode of a hold, until it is made, refused or taken back. While it is under way the hold goes on under the fence that is known here; the
 * cluster may be further. Given up, it leaves no upgrade behind: a change to `shared` takes it back, whatever became of it.
 */
export class Conversion implements GrantListener {
  readonly #environment: Environment;
  readonly #exchange: Exchange;
  readonly #hold: Hold;
  readonly #what: string;
  readonly #waiting: Waiting;
  #pushedFence = 0;
  #mustAsk = false;
  #wake: (() => void) | null = null;

  constructor(environment: Environment, exchange: Exchange, hold: Hold, what: string, waiting: Waiting) {
    this.#environment = environment;
    this.#exchange = exchange;
    this.#hold = hold;
    this.#what = what;
    this.#waiting = waiting;
  }

  /** False: others share it, and it was not to wait. Rejects with ConclaveError only. */
  async run(mode: Mode, wait: boolean, keeping: readonly number[]): Promise<boolean> {
    const hold = this.#hold;
    if (hold.isConverting) {
      throw new ConclaveError('INVALID_ARGUMENT', `${this.#what}: another change of it is under way`);
    }
    hold.isConverting = true;
    hold.core.waiters.set(hold.sequence, this);
    try {
      const isMade = await this.#run(mode, wait, keeping);
      this.#over();
      return isMade;
    } catch (error) {
      const why = asConclaveError(error);
      // Refused by the log: nothing of it is there.
      if (ConclaveError.is(why, 'DEADLOCK') || hold.isOver) this.#over();
      else void this.#takeBack();
      throw why;
    }
  }

  granted(fence: number): void {
    this.#pushedFence = fence;
    this.#wake?.();
  }

  /** The hold hears of both by itself. */
  contended(): void {}
  broken(): void {}

  attached(): void {
    this.#mustAsk = true;
    this.#wake?.();
  }

  #over(): void {
    this.#hold.isConverting = false;
    this.#hold.core.waiters.delete(this.#hold.sequence);
  }

  async #run(mode: Mode, wait: boolean, keeping: readonly number[]): Promise<boolean> {
    const { fence, outcome } = await this.#ask({ mode, wait, keeping }, this.#waiting);
    if (outcome === 'refused') return false;
    if (outcome === 'ended' || fence === null) throw this.#ended();
    if (outcome === 'queued') await this.#granted(fence);
    else this.#hold.converted(fence);
    return true;
  }

  /** Waits until the fence has grown beyond the one under which it is shared. */
  async #granted(since: number): Promise<void> {
    const hold = this.#hold;
    for (;;) {
      if (this.#pushedFence > since) return hold.converted(this.#pushedFence);
      if (this.#mustAsk) {
        this.#mustAsk = false;
        const id = { session: hold.core.id ?? 0, sequence: hold.sequence };
        const { standing } = await standingOf(this.#exchange, id, this.#what, this.#waiting);
        if (standing?.state !== 'held') throw this.#ended();
        if (standing.fence > since) return hold.converted(standing.fence);
        continue;
      }
      await awaken(
        this.#environment,
        this.#waiting,
        {
          what: this.#what,
          lost: hold.signal,
          lostError: () => hold.signal.reason,
          timedOut: () =>
            new ConclaveError('DEADLINE_EXCEEDED', `${this.#what}: others did not give it back within its time`),
        },
        (wake) => {
          this.#wake = wake;
        },
      );
    }
  }

  async #ask(
    convert: Omit<LockConvert, 'sequence' | 'type'>,
    waiting: Waiting,
    givesBack = false,
  ): Promise<LockConvertResult> {
    const { core, sequence } = this.#hold;
    const operation = encodeOperation({ type: 'lockConvert', sequence, ...convert });
    const result = await core.mutate(
      { what: this.#what, operation, reason: null, ...(givesBack && { givesBack }) },
      waiting,
    );
    if (result.type !== 'lockConvert') throw new Error(`a lockConvert was answered by ${result.type}`);
    return result;
  }

  /** Asked until it is answered, or the session ends. */
  async #takeBack(): Promise<void> {
    try {
      const back = { mode: 'shared', wait: false, keeping: [] } as const;
      const { fence } = await this.#ask(back, { deadlineMs: Number.POSITIVE_INFINITY }, true);
      if (fence === null) this.#ended();
      else this.#hold.converted(fence);
    } catch {
      // Its session has ended, or the client is closed.
    } finally {
      this.#over();
    }
  }

  #ended(): unknown {
    this.#hold.end('it was broken', undefined);
    return this.#hold.signal.reason;
  }
}
