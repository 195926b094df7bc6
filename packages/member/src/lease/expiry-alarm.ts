import type { Logger } from '../environment.ts';
import { bounds } from '../settings.ts';

/**
 * Says when a good part of all leases ends within a short time: a switch that broke, or a release that forgot to renew, and not so many clients that
 * went by themselves. Nothing is held back for it (docs/leases.md): whoever waits for a dead client's lock is not told to wait for those of others.
 */
export class ExpiryAlarm {
  readonly #log: Pick<Logger, 'warn'>;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #of = 0;
  #ended = 0;
  #isRaised = false;

  constructor(log: Pick<Logger, 'warn'>) {
    this.#log = log;
  }

  /** So many are being ended, of all that there are. */
  ending(count: number, of: number, nowMs: number): void {
    if (nowMs - this.#sinceMs >= bounds.expiryAlarmWindowMs) {
      this.#sinceMs = nowMs;
      this.#of = of;
      this.#ended = 0;
      this.#isRaised = false;
    }
    this.#ended += count;
    if (this.#isRaised || this.#ended < bounds.minExpiriesForAlarm) return;
    if (this.#ended < this.#of * bounds.expiryAlarmShare) return;
    this.#isRaised = true;
    const withinMs = Math.round(nowMs - this.#sinceMs);
    this.#log.warn({ ended: this.#ended, of: this.#of, withinMs }, 'many leases end together');
  }
}
