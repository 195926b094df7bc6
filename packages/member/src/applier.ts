import { type Entry, EntryKind, type Index } from '@conclave/core';
import type { Applied, StateMachine } from '@conclave/state-machine';
import { asError } from './defect.ts';
import type { Clock, Timers } from './environment.ts';
import { bounds } from './settings.ts';

export interface AppliedListener {
  /** After each entry, in order. */
  applied(entry: Entry, applied: Applied): void;
  /** After a slice of entries: the moment to answer and to send. */
  sliceEnded(index: Index): void;
}

/** Feeds committed entries to the state machine, a few milliseconds at a time, so that heartbeats are never late for it. */
export class Applier {
  readonly #machine: StateMachine;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #listener: AppliedListener;
  readonly #failed: (error: Error) => void;
  #queue: Entry[] = [];
  #next = 0;
  #scheduled = false;
  #suspended = false;
  #stopped = false;

  constructor(
    machine: StateMachine,
    clock: Clock,
    timers: Timers,
    listener: AppliedListener,
    failed: (error: Error) => void,
  ) {
    this.#machine = machine;
    this.#clock = clock;
    this.#timers = timers;
    this.#listener = listener;
    this.#failed = failed;
  }

  get appliedIndex(): Index {
    return this.#machine.applied.index as Index;
  }

  submit(entries: readonly Entry[]): void {
    if (entries.length === 0 || this.#stopped) return;
    for (const entry of entries) this.#queue.push(entry);
    if (!this.#scheduled && !this.#suspended) this.#slice();
  }

  /** The state is about to be replaced by one that contains everything handed over so far. */
  suspend(): void {
    this.#suspended = true;
    this.#queue = [];
    this.#next = 0;
  }

  /** Goes on behind the new state. */
  resume(): void {
    this.#suspended = false;
    this.#slice();
  }

  stop(): void {
    this.#stopped = true;
    this.#queue = [];
    this.#next = 0;
  }

  #slice(): void {
    this.#scheduled = false;
    if (this.#suspended) return;
    const until = this.#clock.nowMs() + bounds.maxApplySliceMs;
    try {
      while (this.#next < this.#queue.length && !this.#stopped) {
        const end = Math.min(this.#next + bounds.applyBatchEntries, this.#queue.length);
        while (this.#next < end) this.#apply(this.#queue[this.#next++] as Entry);
        if (this.#clock.nowMs() >= until) break;
      }
    } catch (error) {
      // A damaged record or an unknown command: going on would make another state than the others have.
      this.stop();
      this.#failed(asError(error));
      return;
    }
    if (this.#stopped) return;
    if (this.#next < this.#queue.length) {
      this.#scheduled = true;
      this.#timers.soon(() => {
        if (!this.#stopped) this.#slice();
      });
    } else {
      this.#queue = [];
      this.#next = 0;
    }
    this.#listener.sliceEnded(this.appliedIndex);
  }

  #apply(entry: Entry): void {
    const command = entry.kind === EntryKind.Command ? entry.data : null;
    this.#listener.applied(entry, this.#machine.apply(entry.index, entry.term, command));
  }
}
