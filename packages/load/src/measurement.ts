import { ConclaveError, type ConclaveErrorCode } from '@conclave/client';
import { Gap } from './gap.ts';
import { Latency } from './latency.ts';
import { AbsentError, absentCode, isCertain } from './workloads/workload.ts';

/** What one run counts. */
export class Measurement {
  readonly latency: Latency = new Latency();
  readonly gap: Gap = new Gap();
  readonly errorsByCode: Map<string, number> = new Map();
  /** Acknowledged, of the whole run. */
  acknowledged = 0;
  /** Of those, in the measured time. */
  measured = 0;
  errors = 0;
  unknown = 0;
  #fromMs: number;
  #untilMs = Number.POSITIVE_INFINITY;

  /** Measured from then on. */
  constructor(fromMs: number) {
    this.#fromMs = fromMs;
  }

  get fromMs(): number {
    return this.#fromMs;
  }

  end(untilMs: number): void {
    this.#untilMs = untilMs;
  }

  /**
   * The rate counts what was answered in the measured time. Latency counts what began in it, whenever it was answered: what is still under
   * way when time is up are the slow ones.
   */
  succeeded(intendedMs: number, nowMs: number): void {
    this.acknowledged++;
    this.gap.acknowledged(nowMs);
    if (nowMs >= this.#fromMs && nowMs <= this.#untilMs) this.measured++;
    if (intendedMs >= this.#fromMs) this.latency.record(nowMs - intendedMs);
  }

  /** Throws what no load can do anything about. */
  failed(error: unknown): void {
    const code = codeOf(error);
    if (code === null) throw error;
    this.errors++;
    this.errorsByCode.set(code, (this.errorsByCode.get(code) ?? 0) + 1);
    if (code !== absentCode && !isCertain(error)) this.unknown++;
  }
}

/** The cluster will say the same next time: the options are wrong. */
const finalCodes: ReadonlySet<string> = new Set<ConclaveErrorCode>(['INVALID_ARGUMENT', 'TOO_LARGE']);

/** Null: a mistake in the options or in the program, which another attempt repeats. */
function codeOf(error: unknown): string | null {
  if (error instanceof AbsentError) return absentCode;
  if (!ConclaveError.is(error) || finalCodes.has(error.code)) return null;
  return error.code;
}
