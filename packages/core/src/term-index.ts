import { assert, fail } from './assertion.ts';
import type { Index, LogPosition, Term, TermRun } from './types.ts';

/**
 * The term of every entry of the log, as runs: a handful of numbers for millions of entries. So the consistency check and the
 * search for a conflict never read the disk.
 *
 *     index   1 2 3 4 5 6 7 8 9          runs   { term 1, first 1 }
 *     term    1 1 1 4 4 5 5 6 6                 { term 4, first 4 }  { term 5, first 6 }  { term 6, first 8 }
 */
export class TermIndex {
  #base: LogPosition;
  #runs: TermRun[];
  #last: Index;

  constructor(base: LogPosition, runs: readonly TermRun[], last: Index) {
    this.#base = base;
    this.#runs = [...runs];
    this.#last = last;
    assert(last >= base.index, `log ends at ${last}, before its base ${base.index}`);
    assert(runs.length > 0 || last === base.index, `entries up to ${last}, but no term is known`);
    let previous: TermRun = { term: base.term, first: base.index };
    for (const run of runs) {
      assert(run.term >= previous.term, `term ${run.term} at ${run.first} follows the larger term ${previous.term}`);
      assert(
        run.first > previous.first && run.first <= last,
        `run of term ${run.term} begins at ${run.first}, out of order`,
      );
      previous = run;
    }
    assert(
      runs.length === 0 || runs[0]?.first === base.index + 1,
      `first run does not begin behind the base ${base.index}`,
    );
  }

  get base(): LogPosition {
    return this.#base;
  }

  get last(): Index {
    return this.#last;
  }

  get runs(): readonly TermRun[] {
    return this.#runs;
  }

  /** Null outside of the log; the base's own term at the base. */
  termAt(index: Index): Term | null {
    if (index === this.#base.index) return this.#base.term;
    if (index < this.#base.index || index > this.#last) return null;
    return this.#runs[this.#runOf(index)]?.term ?? null;
  }

  append(term: Term): void {
    const index = (this.#last + 1) as Index;
    const newest = this.#runs.at(-1);
    const before = newest?.term ?? this.#base.term;
    if (term < before) fail(`entry ${index} of term ${term} would follow one of the larger term ${before}`);
    if (newest?.term !== term) this.#runs.push({ term, first: index });
    this.#last = index;
  }

  truncateFrom(index: Index): void {
    assert(index > this.#base.index && index <= this.#last + 1, `truncation from ${index} outside of the log`);
    while ((this.#runs.at(-1)?.first ?? 0) >= index) this.#runs.pop();
    this.#last = (index - 1) as Index;
  }

  /** The log begins behind `index` now. */
  compactTo(index: Index): void {
    const term = this.termAt(index);
    assert(term !== null, `the log cannot begin behind ${index}, which is not in it`);
    this.#base = { index, term };
    const first = (index + 1) as Index;
    const kept = this.#runs.filter((_run, at) => (this.#runs[at + 1]?.first ?? this.#last + 1) > first);
    this.#runs = kept.map((run) => (run.first > first ? run : { term: run.term, first }));
  }

  /** Another log, empty, that begins behind `base`. */
  replaceBy(base: LogPosition): void {
    this.#base = base;
    this.#runs = [];
    this.#last = base.index;
  }

  /**
   * The last position at or below `index` whose term is at most `term`: everything above it cannot be what a log with `term` at
   * `index` holds. Used on both sides of a rejected append, so that one round trip skips a whole diverging term in either log.
   */
  lastAtMost(index: Index, term: Term): LogPosition {
    let at = Math.min(index, this.#last) as Index;
    while (at > this.#base.index) {
      const run = this.#runs[this.#runOf(at)];
      assert(run !== undefined, `no term is known at ${at}`);
      if (run.term <= term) return { index: at, term: run.term };
      at = (run.first - 1) as Index;
    }
    return this.#base;
  }

  /** Position in `#runs` of the run that holds `index`. */
  #runOf(index: Index): number {
    let low = 0;
    let high = this.#runs.length - 1;
    // The newest run is asked for far more often than all the others.
    if ((this.#runs[high]?.first ?? 0) <= index) return high;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#runs[middle]?.first ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
