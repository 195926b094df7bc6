import type { MemberMessage } from '@conclave/protocol';
import type { Cancel, Environment } from '../environment.ts';
import type { Link, LinkUser } from './link.ts';

/** Request ids of probes, apart from those of the exchange. */
const probeId = 0xffff_ffff;

/**
 * Tells a member that is of no use: one that answers nothing, or one that has long been without a quorum while others may have one. It is asked
 * only while something is at stake that shows nothing by itself, so that idle clients cost nothing and sessions no more than their keepalives.
 */
export class Vitals implements LinkUser {
  readonly #environment: Environment;
  readonly #link: Link;
  readonly #patienceMs: () => number;
  readonly #atStake: () => boolean;
  #timer: Cancel | null = null;
  #probedMs: number | null = null;
  #withoutQuorumSinceMs: number | null = null;

  constructor(environment: Environment, link: Link, patienceMs: () => number, atStake: () => boolean) {
    this.#environment = environment;
    this.#link = link;
    this.#patienceMs = patienceMs;
    this.#atStake = atStake;
  }

  connected(): void {
    this.#probedMs = null;
    this.#withoutQuorumSinceMs = null;
    this.#schedule();
  }

  disconnected(): void {
    this.close();
  }

  close(): void {
    this.#timer?.();
    this.#timer = null;
  }

  /** There is more at stake than when it was last asked how long to wait. */
  reschedule(): void {
    if (this.#timer !== null) this.#schedule();
  }

  message(message: MemberMessage): boolean {
    if (message.type !== 'status') return false;
    if (message.id !== probeId) return false;
    this.#probedMs = null;
    const nowMs = this.#environment.clock.nowMs();
    if (message.status.hasQuorum) this.#withoutQuorumSinceMs = null;
    else this.#withoutQuorumSinceMs ??= nowMs;
    return true;
  }

  #schedule(): void {
    this.#timer?.();
    this.#timer = this.#environment.timers.after(this.#patienceMs() / 2, () => {
      this.#schedule();
      // If this process stood still, the answers lie in the socket: they are read before anybody is judged.
      this.#environment.timers.soon(() => this.#look());
    });
  }

  #look(): void {
    if (!this.#link.isReady || !this.#atStake()) {
      this.#probedMs = null;
      return;
    }
    const nowMs = this.#environment.clock.nowMs();
    const patienceMs = this.#patienceMs();
    if (this.#probedMs !== null && nowMs - Math.max(this.#probedMs, this.#link.lastReceivedMs) >= patienceMs / 2) {
      return this.#link.leave(`it answered nothing for ${Math.round(nowMs - this.#link.lastReceivedMs)} ms`);
    }
    if (this.#probedMs !== null && nowMs - this.#probedMs >= 2 * patienceMs)
      return this.#link.leave('it does not answer');
    const alone = this.#withoutQuorumSinceMs;
    if (alone !== null && nowMs - alone >= patienceMs / 2 && this.#link.hasAlternatives) {
      return this.#link.leave('it has no quorum');
    }
    if (this.#probedMs !== null) return;
    this.#probedMs = nowMs;
    this.#link.send({ type: 'statusRequest', id: probeId });
  }
}
