import type { Entry, Index, PersistJob, Term } from '@conclave/core';
import type { LogStore } from '@conclave/storage';
import { percentile } from '../statistics.ts';

/** One entry: as one put of 256 bytes takes in the log, about. */
const entryBytes = 300;
const entryKind = 1;
const term = 1 as Term;

/** A lone writer, and what gathers while one fdatasync of a busy leader runs. */
const batchSizes = [1, 64] as const;

export interface BatchTimes {
  readonly entries: number;
  readonly batches: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Appends to a log as a leader does: one synced batch after the other. */
export class LogBatches {
  readonly #log: LogStore;
  readonly #data = new Uint8Array(entryBytes).fill(0x72);
  #tail: number;
  #sequence = 0;

  constructor(log: LogStore) {
    this.#log = log;
    this.#tail = log.tail;
  }

  get tail(): Index {
    return this.#tail as Index;
  }

  /** Batches of each size in turn, back to back, while `goesOn`: so that whatever else the machine does meets all sizes alike. */
  async measureWhile(goesOn: () => boolean): Promise<readonly BatchTimes[]> {
    const times = batchSizes.map((entries) => ({ entries, ms: [] as number[] }));
    while (goesOn()) {
      for (const { entries, ms } of times) {
        const job = this.#next(entries);
        const beganMs = performance.now();
        await this.#log.persist([job]);
        ms.push(performance.now() - beganMs);
      }
    }
    return times.map(({ entries, ms }) => ({
      entries,
      batches: ms.length,
      p50Ms: percentile(ms, 50),
      p99Ms: percentile(ms, 99),
      maxMs: percentile(ms, 100),
    }));
  }

  #next(count: number): PersistJob {
    const first = this.#tail + 1;
    const entries: Entry[] = Array.from({ length: count }, (_, at) => {
      return { index: (first + at) as Index, term, kind: entryKind, data: this.#data };
    });
    this.#tail += count;
    const tail = this.#tail as Index;
    this.#sequence++;
    return {
      sequence: this.#sequence,
      hardState: { term, vote: null, commit: 0 as Index },
      acknowledged: { term, index: tail },
      snapshot: null,
      base: { index: 0 as Index, term: 0 as Term },
      entries,
      tail,
    };
  }
}
