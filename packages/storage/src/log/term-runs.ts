import type { Entry, Index, LogPosition, Term, TermRun } from '@conclave/core';

/** The term of an entry behind `base` or of `base` itself. `runs` must reach it. */
export function termAt(runs: readonly TermRun[], base: LogPosition, index: Index): Term {
  if (index === base.index) return base.term;
  for (let at = runs.length - 1; at >= 0; at--) {
    if (runs[at]!.first <= index) return runs[at]!.term;
  }
  throw new RangeError(`no term is known for index ${index}`);
}

/** The runs of a log that ends in front of `from`. */
export function runsBefore(runs: readonly TermRun[], from: Index): readonly TermRun[] {
  return runs.length > 0 && runs.at(-1)!.first >= from ? runs.filter((run) => run.first < from) : runs;
}

/** The runs of a log that begins behind `base` and ends with `tail`; the same array when nothing goes. */
export function runsBehind(runs: readonly TermRun[], base: Index, tail: Index): readonly TermRun[] {
  if (runs.length === 0 || runs[0]!.first > base) return runs;
  if (base === tail) return [];
  // The last run that begins at or before the first entry that stays.
  const covering = runs.findLastIndex((run) => run.first <= base + 1);
  const rest = runs.slice(covering + 1);
  return [{ term: runs[covering]!.term, first: (base + 1) as Index }, ...rest];
}

/** The runs of a log to which entries were appended; the same array when no new term began. */
export function runsWith(runs: readonly TermRun[], entries: readonly Entry[]): readonly TermRun[] {
  let term = runs.at(-1)?.term;
  let longer: TermRun[] | null = null;
  for (const entry of entries) {
    if (entry.term === term) continue;
    term = entry.term;
    longer ??= [...runs];
    longer.push({ term, first: entry.index });
  }
  return longer ?? runs;
}
