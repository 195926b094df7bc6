import type { HoldProof, LeaseId } from '@conclave/protocol';
import type { StateMachine } from '@conclave/state-machine';
import type { Barrier } from '../barrier.ts';
import type { Cancel, Timers } from '../environment.ts';
import type { Renewals } from '../lease/renewals.ts';
import { bounds } from '../settings.ts';

/** What one keepalive is answered. */
export interface KeptAlive {
  /** In the order of the leases; null for one that has ended. */
  readonly ttlsMs: readonly (number | null)[];
  /** Places of the holds that are none any more; null: not known here. */
  readonly lost: readonly number[] | null;
}

interface Asked {
  readonly leases: readonly LeaseId[];
  readonly holds: readonly HoldProof[];
  /** Null: leadership could not be confirmed. */
  readonly done: (answer: KeptAlive | null) => void;
}

/**
 * Keepalives of all clients of this member, a few milliseconds of them together: one message to the leader renews their leases, and one read index
 * says of which state it is told which of their holds are lost. Both begin after the keepalives had arrived. Why they are gathered, and why a hold is
 * confirmed by this member's state and a lease by the leader's word: docs/decisions/keepalives-confirm-holds.md.
 */
export class Keepalives {
  readonly #machine: Pick<StateMachine, 'isHeld'>;
  readonly #renewals: Pick<Renewals, 'renew'>;
  readonly #barrier: Pick<Barrier, 'wait'>;
  readonly #timers: Timers;
  #gathering: Asked[] = [];
  #stopped = false;

  constructor(
    machine: Pick<StateMachine, 'isHeld'>,
    renewals: Pick<Renewals, 'renew'>,
    barrier: Pick<Barrier, 'wait'>,
    timers: Timers,
  ) {
    this.#machine = machine;
    this.#renewals = renewals;
    this.#barrier = barrier;
    this.#timers = timers;
  }

  take(asked: Asked): void {
    if (this.#stopped) return asked.done(null);
    this.#gathering.push(asked);
    if (this.#gathering.length === 1) this.#timers.after(bounds.keepaliveGatherMs, () => this.#pass());
  }

  /** This member stops: whoever waits hears that nothing was confirmed, and asks elsewhere. */
  abandon(): void {
    this.#stopped = true;
    for (const { done } of this.#gathering.splice(0)) done(null);
  }

  #pass(): void {
    const all = this.#gathering.splice(0);
    const round = new Round(this.#machine, this.#timers);
    for (const asked of all) {
      this.#renewals.renew(asked.leases, (ttlsMs) => {
        if (ttlsMs === null) asked.done(null);
        else round.renewed(asked, ttlsMs);
      });
    }
    // Behind the renewals: so that of a leader's own clients both are in one round of heartbeats.
    if (all.some(({ holds }) => holds.length > 0)) this.#barrier.wait((confirmed) => round.read(confirmed));
    else round.read(true);
  }
}

/** Those that were gathered together. */
class Round {
  readonly #machine: Pick<StateMachine, 'isHeld'>;
  readonly #timers: Timers;
  /** Renewed, and waiting for what is held. */
  #waiting: { readonly asked: Asked; readonly ttlsMs: KeptAlive['ttlsMs'] }[] = [];
  #state: 'unread' | 'read' | 'unknown' = 'unread';
  #giveUp: Cancel | null = null;

  constructor(machine: Pick<StateMachine, 'isHeld'>, timers: Timers) {
    this.#machine = machine;
    this.#timers = timers;
  }

  renewed(asked: Asked, ttlsMs: KeptAlive['ttlsMs']): void {
    if (this.#state !== 'unread') return this.#answer(asked, ttlsMs);
    this.#waiting.push({ asked, ttlsMs });
    // A session must not wait for a member that lags: what is held is asked once more then, by itself.
    this.#giveUp ??= this.#timers.after(bounds.holdsPatienceMs, () => this.read(false));
  }

  read(confirmed: boolean): void {
    if (this.#state !== 'unread') return;
    this.#state = confirmed ? 'read' : 'unknown';
    this.#giveUp?.();
    for (const { asked, ttlsMs } of this.#waiting.splice(0)) this.#answer(asked, ttlsMs);
  }

  /** Of the state as it is when it is said: everything that it has beyond what was asked for may count, too. */
  #answer({ done, holds }: Asked, ttlsMs: KeptAlive['ttlsMs']): void {
    if (this.#state === 'unknown') return done({ ttlsMs, lost: null });
    const lost: number[] = [];
    holds.forEach((hold, place) => {
      if (!this.#machine.isHeld(hold)) lost.push(place);
    });
    done({ ttlsMs, lost });
  }
}
