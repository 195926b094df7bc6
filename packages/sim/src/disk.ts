import type { Acknowledged, Configuration, Entry, HardState, LogPosition, PersistJob, TermRun } from '@conclave/core';
import type { Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { DiskSettings } from './swarm.ts';

/** What a crash leaves. */
export interface DiskImage {
  hardState: HardState;
  acknowledged: Acknowledged;
  /** The log begins behind it. */
  base: LogPosition;
  readonly entries: Entry[];
  /** How far the state machine's own store has come, and who took part there. */
  checkpoint: DiskCheckpoint;
}

interface DiskCheckpoint {
  readonly position: LogPosition;
  readonly configuration: Configuration;
}

/**
 * A disk with one synced write in flight, as the storage has it: what waits is merged into the next write, or some of it. A crash while a
 * write is in flight leaves all of it or nothing of it; what waited is gone.
 */
export class Disk {
  readonly image: DiskImage;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #settings: DiskSettings;
  #waiting: PersistJob[] = [];
  #checkpointing: DiskCheckpoint | null = null;
  #writing: readonly PersistJob[] | null = null;
  /** Grows with each crash: a write that was begun before it completes for nobody. */
  #power = 0;
  #stalledUntil = 0;
  #nextStall: number;
  readonly counts: { writes: number; stalls: number; tornAway: number } = { writes: 0, stalls: 0, tornAway: 0 };

  constructor(scheduler: Scheduler, random: Random, settings: DiskSettings, image: DiskImage) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#settings = settings;
    this.image = image;
    this.#nextStall = random.exponential(settings.meanStallEveryMs);
  }

  submit(job: PersistJob, durable: (sequence: number) => void): void {
    this.#waiting.push(job);
    if (this.#writing === null) this.#write(durable);
  }

  #write(durable: (sequence: number) => void): void {
    const jobs = this.#waiting.splice(0, this.#settings.maxMergedJobs);
    const power = this.#power;
    this.#writing = jobs;
    this.counts.writes++;
    this.#scheduler.at(this.#completionTime(), () => {
      if (power !== this.#power) return;
      this.#writing = null;
      for (const job of jobs) applyJob(this.image, job);
      if (this.#waiting.length > 0) this.#write(durable);
      durable(jobs.at(-1)?.sequence ?? 0);
    });
  }

  /** In a store of its own, beside the log; one at a time. */
  checkpoint(next: DiskCheckpoint, durable: () => void): void {
    if (this.#checkpointing !== null) return;
    const power = this.#power;
    this.#checkpointing = next;
    this.#scheduler.at(this.#completionTime(), () => {
      if (power !== this.#power) return;
      this.#checkpointing = null;
      if (this.#reachCheckpoint(next)) durable();
    });
  }

  /** False when a snapshot has replaced the state in the meantime. */
  #reachCheckpoint(next: DiskCheckpoint): boolean {
    if (next.position.index <= this.image.checkpoint.position.index) return false;
    this.image.checkpoint = next;
    return true;
  }

  #completionTime(): number {
    const { maxStallMs, meanStallEveryMs, meanWriteMs, minWriteMs } = this.#settings;
    const now = this.#scheduler.now;
    if (now >= this.#nextStall) {
      this.counts.stalls++;
      this.#stalledUntil = now + this.#random.between(0, maxStallMs);
      this.#nextStall = this.#stalledUntil + this.#random.exponential(meanStallEveryMs);
    }
    return Math.max(now, this.#stalledUntil) + minWriteMs + this.#random.exponential(meanWriteMs);
  }

  crash(): void {
    this.#power++;
    if (this.#writing !== null) {
      if (this.#random.chance(0.5)) for (const job of this.#writing) applyJob(this.image, job);
      else this.counts.tornAway++;
    }
    if (this.#checkpointing !== null && this.#random.chance(0.5)) this.#reachCheckpoint(this.#checkpointing);
    this.#checkpointing = null;
    this.#writing = null;
    this.#waiting = [];
  }

  becomeReliable(): void {
    this.#settings = { ...this.#settings, meanStallEveryMs: Number.POSITIVE_INFINITY };
    this.#nextStall = Number.POSITIVE_INFINITY;
  }
}

export function applyJob(image: DiskImage, job: PersistJob): void {
  if (job.snapshot !== null) {
    const { configuration, position } = job.snapshot;
    image.entries.length = 0;
    image.base = position;
    image.checkpoint = { configuration, position };
  }
  const first = job.entries[0];
  if (first !== undefined) image.entries.length = first.index - 1 - image.base.index;
  image.entries.push(...job.entries);
  image.hardState = job.hardState;
  image.acknowledged = job.acknowledged;
  image.entries.splice(0, job.base.index - image.base.index);
  image.base = job.base;
  const tail = image.base.index + image.entries.length;
  if (tail !== job.tail) throw new Error(`job ${job.sequence} names tail ${job.tail}, log ends at ${tail}`);
  if (image.base.index > image.checkpoint.position.index)
    throw new Error(`job ${job.sequence} cuts the log at ${image.base.index}, beyond what the state holds`);
}

export function termRunsOf(entries: readonly Entry[]): TermRun[] {
  const runs: TermRun[] = [];
  for (const entry of entries) {
    if (runs.at(-1)?.term !== entry.term) runs.push({ term: entry.term, first: entry.index });
  }
  return runs;
}
