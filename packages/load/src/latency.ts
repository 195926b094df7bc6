import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Latencies in a histogram of bounded size: three digits, whatever the number of operations. */
export class Latency {
  readonly #histogram: RecordableHistogram = createHistogram();

  get count(): number {
    return this.#histogram.count;
  }

  record(ms: number): void {
    // In microseconds. The histogram takes nothing below 1.
    this.#histogram.record(Math.max(1, Math.round(ms * 1_000)));
  }

  /** 0 while nothing was recorded. */
  percentileMs(percent: number): number {
    return this.count === 0 ? 0 : this.#histogram.percentile(percent) / 1_000;
  }

  get maxMs(): number {
    return this.count === 0 ? 0 : this.#histogram.max / 1_000;
  }
}
