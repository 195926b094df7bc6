import type { PersistJob, PersistSequence } from '@conclave/core';
import type { LogStore } from '@conclave/storage';
import { asError } from './defect.ts';

/**
 * Group commit without a timer: one synced write is in flight, and everything that core hands over meanwhile is the next one. The longer
 * the disk takes, the more a write carries.
 */
export class Persister {
  readonly #log: LogStore;
  readonly #durable: (sequence: PersistSequence) => void;
  readonly #failed: (error: Error) => void;
  #waiting: PersistJob[] = [];
  #writing = false;
  /** Something must end before the next job is written. */
  #held = false;
  #stopped = false;

  constructor(log: LogStore, durable: (sequence: PersistSequence) => void, failed: (error: Error) => void) {
    this.#log = log;
    this.#durable = durable;
    this.#failed = failed;
  }

  submit(job: PersistJob): void {
    this.#waiting.push(job);
    if (!this.#writing && !this.#held) this.#write();
  }

  /** Like `submit`, but it is not written, nor what comes behind it, before `ready` resolves. */
  submitAfter(ready: Promise<void>, job: PersistJob): void {
    this.#held = true;
    this.#waiting.push(job);
    ready.then(
      () => {
        this.#held = false;
        if (!this.#writing) this.#write();
      },
      (error: unknown) => this.#broken(error),
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#waiting = [];
  }

  #write(): void {
    const jobs = this.#waiting;
    const last = jobs.at(-1);
    if (last === undefined || this.#stopped || this.#held) return;
    this.#waiting = [];
    this.#writing = true;
    this.#log.persist(jobs).then(
      () => this.#written(last.sequence),
      (error: unknown) => this.#broken(error),
    );
  }

  #written(sequence: PersistSequence): void {
    this.#writing = false;
    // The next write starts before anybody hears of this one: the disk has no idle moment.
    this.#write();
    if (!this.#stopped) this.#durable(sequence);
  }

  /** What is on the disk now is not known: never try again (fsyncgate; google/leveldb #1180). */
  #broken(error: unknown): void {
    this.#stopped = true;
    this.#failed(asError(error));
  }
}
