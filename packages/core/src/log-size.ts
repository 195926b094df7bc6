import type { Index } from './types.ts';

interface Span {
  readonly first: Index;
  bytes: number;
}

/** How exactly the size of a part of the log is known. */
const spanBytes = 65_536;

/** How many bytes the log holds from any index on, to within a span: a few numbers for a log of which most is on disk only. */
export class LogSize {
  #spans: Span[] = [];

  appended(index: Index, bytes: number): void {
    const last = this.#spans.at(-1);
    if (last !== undefined && last.bytes < spanBytes) last.bytes += bytes;
    else this.#spans.push({ first: index, bytes });
  }

  /** The last entry, of this size, was removed. */
  removed(index: Index, bytes: number): void {
    const last = this.#spans.at(-1);
    if (last === undefined) return;
    last.bytes -= bytes;
    if (last.first === index) this.#spans.pop();
  }

  compactedTo(index: Index): void {
    const covering = this.#spans.findLastIndex((span) => span.first <= index + 1);
    if (covering > 0) this.#spans = this.#spans.slice(covering);
  }

  clear(): void {
    this.#spans = [];
  }

  /** From there on the log holds at most `maxBytes`; 1 when all of it does. What was there before the start is not counted. */
  firstWithin(maxBytes: number): Index {
    let bytes = 0;
    for (let at = this.#spans.length - 1; at >= 0; at--) {
      bytes += this.#spans[at]?.bytes ?? 0;
      if (bytes > maxBytes) return this.#spans[at + 1]?.first ?? (Number.POSITIVE_INFINITY as Index);
    }
    return 1 as Index;
  }
}
