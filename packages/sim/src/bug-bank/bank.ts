import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Bug } from './bug.ts';
import { type Found, type Hunt, hunt } from './hunt.ts';

export interface BankOptions {
  readonly bugs: readonly Bug[];
  /** Starting seeds for each bug. */
  readonly starts: number;
  /** The first of them; null for one that nobody has seen. */
  readonly from: number | null;
  readonly maxSeeds: number;
  readonly safetyMs: number;
  readonly budgetMs: number;
}

/** What came of one bug. */
export interface Verdict {
  readonly bug: string;
  readonly what: string;
  /** The invariants that found it, that which did most often first, and how often each did. */
  readonly caughtBy: readonly (readonly [string, number])[];
  /** Starting seeds from which it was looked for, as far as there was time, and from which it was found. */
  readonly tried: number;
  readonly caught: number;
  /** That were needed, the one that found it among them; of all starting seeds, where one that did not find it counts as infinitely many. */
  readonly medianSeeds: number;
  /** The first that found it. */
  readonly example: Found['caught'];
  /** Why it counts as missed; null when it was caught. */
  readonly missed: string | null;
}

export interface BankReport {
  readonly from: number;
  readonly verdicts: readonly Verdict[];
  /** Of the same search with nothing planted. */
  readonly control: { readonly seeds: number; readonly failure: Found['caught'] };
  readonly seconds: number;
}

const largestStart = 2 ** 40;
const control = { name: 'control', edits: [] };

/** Plants each bug into a copy of its own and looks for it, as many at once as there are cores. `judged` is told as they end. */
export async function runBank(options: BankOptions, judged: (verdict: Verdict) => void): Promise<BankReport> {
  const began = performance.now();
  const from = options.from ?? randomInt(largestStart);
  const { budgetMs, maxSeeds, safetyMs } = options;
  // So far apart that no seed is run twice, by the most patient either.
  const distance = maxSeeds * Math.max(1, ...options.bugs.map(({ patience = 1 }) => patience));
  const starts = Array.from({ length: options.starts }, (_, nth) => from + nth * distance);
  const order: Hunt = { starts, maxSeeds, safetyMs, budgetMs };
  const verdicts: Verdict[] = [];
  let clean: BankReport['control'] = { seeds: 0, failure: null };
  const work = [
    // A search that finds something where nothing is planted proves nothing elsewhere.
    async (): Promise<void> => {
      clean = cleanOf(await hunt(control, { ...order, maxSeeds: Math.min(maxSeeds, controlSeeds) }));
    },
    ...options.bugs.map((bug) => async (): Promise<void> => {
      const verdict = await judge(bug, order);
      verdicts.push(verdict);
      judged(verdict);
    }),
  ];
  await Promise.all(Array.from({ length: availableParallelism() }, () => drain(work)));
  const rank = new Map(options.bugs.map(({ name }, at) => [name, at]));
  verdicts.sort((a, b) => (rank.get(a.bug) ?? 0) - (rank.get(b.bug) ?? 0));
  return { from, verdicts, control: clean, seconds: (performance.now() - began) / 1_000 };
}

/** From each starting seed. */
const controlSeeds = 5;

async function drain(work: (() => Promise<void>)[]): Promise<void> {
  for (let next = work.shift(); next !== undefined; next = work.shift()) await next();
}

async function judge(bug: Bug, order: Hunt): Promise<Verdict> {
  try {
    return verdictOn(bug, await hunt(bug, order));
  } catch (error) {
    return {
      ...verdictOn(bug, []),
      missed: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
    };
  }
}

/** Caught when the median of the starting seeds that there was time for finds it, and there was time for one. */
export function verdictOn({ name, what }: Pick<Bug, 'name' | 'what'>, found: readonly Found[]): Verdict {
  const caught = found.filter((one) => one.caught !== null);
  const counts = new Map<string, number>();
  for (const one of caught) counts.set(one.caught?.by ?? '', (counts.get(one.caught?.by ?? '') ?? 0) + 1);
  const medianSeeds = medianOf(found.map((one) => (one.caught === null ? Number.POSITIVE_INFINITY : one.seeds)));
  return {
    bug: name,
    what,
    caughtBy: [...counts].toSorted((a, b) => b[1] - a[1]),
    tried: found.length,
    caught: caught.length,
    medianSeeds,
    example: caught[0]?.caught ?? null,
    missed:
      medianSeeds < Number.POSITIVE_INFINITY ? null : `found from ${caught.length} of ${found.length} starting seeds`,
  };
}

/** Infinity of nothing. */
function medianOf(numbers: readonly number[]): number {
  const ascending = numbers.toSorted((a, b) => a - b);
  return ascending[Math.floor(ascending.length / 2)] ?? Number.POSITIVE_INFINITY;
}

function cleanOf(found: readonly Found[]): BankReport['control'] {
  const seeds = found.reduce((sum, one) => sum + one.seeds, 0);
  return { seeds, failure: found.find((one) => one.caught !== null)?.caught ?? null };
}
