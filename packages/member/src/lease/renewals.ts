import type { MemberId } from '@conclave/core';
import type { LeaseId } from '@conclave/protocol';
import type { Cancel, Timers } from '../environment.ts';
import type { PeerLinks } from '../peer/links.ts';
import type { PeerRequestId, Renew, Renewed as RenewedMessage } from '../peer/message.ts';
import { bounds } from '../settings.ts';
import type { LeaseKeeper, Renewed } from './lease-keeper.ts';

interface Waiter {
  readonly leases: readonly LeaseId[];
  readonly done: Renewed;
}

interface Asked {
  readonly waiters: readonly Waiter[];
  readonly giveUp: Cancel;
}

/** Renewals on their way to the leader: those of all clients of this member that come in one turn go in one message. */
export class Renewals {
  readonly #keeper: LeaseKeeper;
  readonly #links: PeerLinks;
  readonly #timers: Timers;
  #gathering: Waiter[] = [];
  readonly #asked = new Map<PeerRequestId, Asked>();
  #leader: MemberId | null = null;
  #leads = false;
  #stopped = false;

  constructor(keeper: LeaseKeeper, links: PeerLinks, timers: Timers) {
    this.#keeper = keeper;
    this.#links = links;
    this.#timers = timers;
  }

  renew(leases: readonly LeaseId[], done: Renewed): void {
    if (this.#stopped) return done(null);
    this.#gathering.push({ leases, done });
    if (this.#gathering.length === 1) this.#timers.soon(() => this.#pass());
  }

  /** How much time each has left. Asked for by people, so not gathered. */
  look(leases: readonly LeaseId[], done: Renewed): void {
    if (this.#stopped) return done(null);
    this.#passGroup([{ leases, done }], true);
  }

  #pass(): void {
    const waiters = this.#gathering;
    this.#gathering = [];
    let group: Waiter[] = [];
    let leases = 0;
    for (const waiter of waiters) {
      if (leases > 0 && leases + waiter.leases.length > bounds.maxLeasesPerRenewal) {
        this.#passGroup(group, false);
        group = [];
        leases = 0;
      }
      group.push(waiter);
      leases += waiter.leases.length;
    }
    if (group.length > 0) this.#passGroup(group, false);
  }

  #passGroup(waiters: readonly Waiter[], looks: boolean): void {
    const leases = waiters.flatMap((waiter) => waiter.leases);
    if (this.#leads) {
      this.#ask(leases, looks, (ttlsMs) => divide(waiters, ttlsMs));
    } else if (this.#leader === null) {
      divide(waiters, null);
    } else {
      const request = this.#links.takeRequest();
      const giveUp = this.#timers.after(bounds.renewalPatienceMs, () => this.#settle(request, null));
      this.#asked.set(request, { waiters, giveUp });
      this.#links.send(this.#leader, { type: 'renew', request, looks, leases });
    }
  }

  /** Another member asks this one, which it believes to lead. */
  asked(peer: MemberId, { leases, looks, request }: Renew): void {
    const answer: Renewed = (ttlsMs) => this.#links.send(peer, { type: 'renewed', request, ttlsMs });
    if (this.#leads) this.#ask(leases, looks, answer);
    else answer(null);
  }

  #ask(leases: readonly LeaseId[], looks: boolean, done: Renewed): void {
    if (looks) this.#keeper.look(leases, done);
    else this.#keeper.renew(leases, done);
  }

  answered({ request, ttlsMs }: RenewedMessage): void {
    this.#settle(request, ttlsMs);
  }

  leadership(leader: MemberId | null, leads: boolean): void {
    this.#leader = leader;
    this.#leads = leads;
    this.linkToLeaderLost();
  }

  linkToLeaderLost(): void {
    for (const request of this.#asked.keys()) this.#settle(request, null);
  }

  /** This member stops: whoever waits hears that nothing was confirmed, and asks elsewhere. */
  abandon(): void {
    this.#stopped = true;
    const gathering = this.#gathering;
    this.#gathering = [];
    divide(gathering, null);
    this.linkToLeaderLost();
  }

  #settle(request: PeerRequestId, ttlsMs: readonly (number | null)[] | null): void {
    const asked = this.#asked.get(request);
    if (asked === undefined) return;
    this.#asked.delete(request);
    asked.giveUp();
    divide(asked.waiters, ttlsMs);
  }
}

function divide(waiters: readonly Waiter[], ttlsMs: readonly (number | null)[] | null): void {
  let at = 0;
  for (const { done, leases } of waiters) {
    done(ttlsMs === null ? null : ttlsMs.slice(at, at + leases.length));
    at += leases.length;
  }
}
