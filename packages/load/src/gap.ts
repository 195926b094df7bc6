/** The longest time without an acknowledged operation: what a failover costs those who write. */
export class Gap {
  #lastMs: number | null = null;
  #longestMs = 0;

  acknowledged(nowMs: number): void {
    if (this.#lastMs !== null && nowMs - this.#lastMs > this.#longestMs) this.#longestMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
  }

  /** Silence up to the end counts, also when it never ended. */
  longestMs(startMs: number, endMs: number): number {
    return Math.max(this.#longestMs, endMs - (this.#lastMs ?? startMs));
  }
}
