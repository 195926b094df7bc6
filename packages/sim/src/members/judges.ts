import type { ClientProcess } from './client-process.ts';
import { Elections } from './invariants/elections.ts';
import { Epochs } from './invariants/epochs.ts';
import { ExactlyOnce } from './invariants/exactly-once.ts';
import { Exclusion } from './invariants/exclusion.ts';
import { Fences } from './invariants/fences.ts';
import { GivenBack } from './invariants/given-back.ts';
import { Guards } from './invariants/guards.ts';
import { Holds } from './invariants/holds.ts';
import { LeaseTimes } from './invariants/lease-times.ts';
import { LinearizableKeys } from './invariants/linearizable-keys.ts';
import { LivingSessions } from './invariants/living-sessions.ts';
import { Repeats } from './invariants/repeats.ts';
import { Shown } from './invariants/shown.ts';
import { Turns } from './invariants/turns.ts';
import { type Follower, Watches } from './invariants/watches.ts';
import { LockHistory } from './lock-history.ts';
import type { MemberObserver } from './observer.ts';
import type { Oracle } from './oracle.ts';

/** What was judged, in numbers: an invariant that never had anything to say has shown nothing. */
export interface Judged {
  readonly grants: number;
  readonly expired: number;
  /** Leaders that observers of elections were shown. */
  readonly observed: number;
  /** Requests that came again, and that came over a connection which their session had left. */
  readonly repeated: number;
  readonly fenced: number;
  /** Transactions under guards, and looks at locks. */
  readonly guarded: number;
  readonly inspected: number;
  readonly delivered: number;
  readonly checked: number;
}

/** All invariants of a run of whole members. */
export class Judges {
  readonly keys: LinearizableKeys = new LinearizableKeys();
  readonly history: LockHistory;
  readonly watches: Watches;
  readonly #fences = new Fences();
  readonly #leases: LeaseTimes;
  readonly #elections: Elections;
  readonly #epochs: Epochs;
  readonly #guards: Guards;
  readonly #shown: Shown;
  readonly #repeats = new Repeats();

  /** Puts them among the observers: the history of locks before those that judge by it. `elections`: their names. */
  constructor(
    observers: MemberObserver[],
    clients: readonly ClientProcess[],
    readers: readonly Follower[],
    oracle: Pick<Oracle, 'index'>,
    elections: readonly string[],
  ) {
    const history = new LockHistory(observers);
    this.history = history;
    this.watches = new Watches(this.keys, readers);
    this.#leases = new LeaseTimes(clients);
    this.#elections = new Elections(history, elections);
    this.#epochs = new Epochs(history);
    this.#guards = new Guards(history);
    this.#shown = new Shown(() => oracle.index);
    observers.push(history, this.keys, new ExactlyOnce(), this.#repeats, this.#leases, this.watches);
    observers.push(new Exclusion(), new Turns(), this.#fences, new Holds(clients, history), new GivenBack(history));
    observers.push(new LivingSessions(history), this.#epochs, this.#guards, this.#elections, this.#shown);
  }

  get seen(): Judged {
    return {
      grants: this.#fences.grants,
      expired: this.#leases.expired,
      observed: this.#elections.observed,
      repeated: this.#repeats.repeats,
      fenced: this.#epochs.fenced,
      guarded: this.#guards.judged,
      inspected: this.#shown.judged,
      delivered: this.watches.delivered,
      checked: this.keys.checked,
    };
  }
}
