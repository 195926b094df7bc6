import type { Index, Output, ReadId } from '@conclave/core';
import type { Clock } from './environment.ts';
import type { Pump } from './pump.ts';

type Done = (confirmed: boolean) => void;

interface Group {
  readonly beganMs: number;
  readonly waiters: Done[];
}

/**
 * Waits until this member's state holds everything that was acknowledged to anybody before now, as confirmed by the leader in a round that
 * began after now. All who ask in one turn share one read index. Reads wait for it, and so does whatever may only be said by somebody
 * who leads: renewals, expiries.
 */
export class Barrier {
  readonly #pump: Pick<Pump, 'readIndex'>;
  readonly #clock: Clock;
  #gathering: Group | null = null;
  readonly #asked = new Map<ReadId, Group>();
  #parked: { readonly index: Index; readonly group: Group }[] = [];
  #applied: Index;
  #stopped = false;
  #askedMs: number = Number.NEGATIVE_INFINITY;
  #confirmedMs: number = Number.NEGATIVE_INFINITY;

  constructor(pump: Pick<Pump, 'readIndex'>, applied: Index, clock: Clock) {
    this.#pump = pump;
    this.#applied = applied;
    this.#clock = clock;
  }

  /** When the last round began, whatever became of it; minus infinity: there was none. */
  get askedMs(): number {
    return this.#askedMs;
  }

  /** This member's state holds everything that was acknowledged to anybody before then. */
  get confirmedMs(): number {
    return this.#confirmedMs;
  }

  /** `done(false)`: leadership could not be confirmed; ask again when there is a leader. */
  wait(done: Done): void {
    if (this.#stopped) return done(false);
    if (this.#gathering === null) {
      this.#askedMs = this.#clock.nowMs();
      this.#gathering = { beganMs: this.#askedMs, waiters: [] };
      // The group is closed when its input is stepped: nothing that comes later may join a round that has begun.
      this.#asked.set(this.#pump.readIndex(), this.#gathering);
    }
    this.#gathering.waiters.push(done);
  }

  /** The inputs of this turn are about to be stepped. */
  turnBegins(): void {
    this.#gathering = null;
  }

  readable(reads: Output['reads']): void {
    for (const { id, index } of reads) {
      const group = this.#take(id);
      if (index <= this.#applied) this.#confirm(group);
      else this.#parked.push({ index, group });
    }
  }

  refused(id: ReadId): void {
    settle(this.#take(id), false);
  }

  appliedTo(index: Index): void {
    this.#applied = index;
    if (this.#parked.length === 0) return;
    const due = this.#parked.filter((one) => one.index <= index);
    this.#parked = this.#parked.filter((one) => one.index > index);
    for (const { group } of due) this.#confirm(group);
  }

  #confirm(group: Group): void {
    this.#confirmedMs = Math.max(this.#confirmedMs, group.beganMs);
    settle(group, true);
  }

  /** This member stops: nothing is confirmed any more. */
  abandon(): void {
    this.#stopped = true;
    const groups = [...this.#asked.values(), ...this.#parked.map(({ group }) => group)];
    this.#asked.clear();
    this.#parked = [];
    this.#gathering = null;
    for (const group of groups) settle(group, false);
  }

  #take(id: ReadId): Group {
    const group = this.#asked.get(id);
    if (group === undefined) throw new Error(`core answered read ${id}, which nobody asked`);
    this.#asked.delete(id);
    return group;
  }
}

function settle({ waiters }: Group, confirmed: boolean): void {
  for (const done of waiters) done(confirmed);
}
