import { type BankReport, runBank, type Verdict } from './bank.ts';
import { bugs } from './bugs.ts';
import { replay } from './hunt.ts';

export interface BankCommand {
  /** Only these; all when there is none. */
  readonly names: readonly string[];
  /** Replays this seed with the first of `names` planted, instead of looking for one. */
  readonly seed: number | null;
  readonly from: number | null;
  readonly starts: number;
  readonly safetyMs: number;
  readonly trace: boolean;
  readonly json: boolean;
}

/** From one starting seed on, before it counts as one that does not find the bug. */
const maxSeeds = 1_000;
/** Of processor time, for one bug. What there was no time for is not counted, and the table says how much was. */
const budgetMs = 30_000;

/** Returns the exit code: 1 when a bug was missed, a patch does not apply, or something was found where nothing was planted. */
export async function bugBank(command: BankCommand): Promise<number> {
  const { from, json, names, safetyMs, seed, starts, trace } = command;
  const unknown = names.find((name) => bugs.every((bug) => bug.name !== name));
  if (unknown !== undefined || (seed !== null && names.length === 0)) {
    console.error(`name a bug, not ${unknown ?? 'none'}; there are: ${bugs.map(({ name }) => name).join(', ')}`);
    return 2;
  }
  const chosen = names.length === 0 ? bugs : bugs.filter(({ name }) => names.includes(name));
  const [only] = chosen;
  if (only !== undefined && seed !== null) return replay(only, { seed, safetyMs, trace });
  // So that the copies are removed on the way out.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  if (!json) console.log(rowOfCells('bug', 'median seeds', 'found from', 'caught by'));
  const options = { bugs: chosen, starts, from, maxSeeds, safetyMs, budgetMs };
  const report = await runBank(options, (verdict) => {
    if (!json) printRow(verdict, command);
  });
  if (json) console.log(JSON.stringify(report, null, 2));
  else printEnd(report, command);
  const isClean = report.control.failure === null;
  return isClean && report.verdicts.every(({ missed }) => missed === null) ? 0 : 1;
}

function printRow(
  { bug, caught, caughtBy, example, medianSeeds, missed }: Verdict,
  { safetyMs, starts }: BankCommand,
): void {
  if (missed !== null) {
    console.log(`${bug.padEnd(nameWidth)}MISSED: ${missed}`);
    return;
  }
  const by = caughtBy.map(([name, count]) => (caughtBy.length === 1 ? name : `${name} ${count}`)).join(', ');
  console.log(rowOfCells(bug, String(medianSeeds), `${caught} of ${starts}`, by));
  console.log(
    `    npm run sim -- --bug-bank --bug ${bug} --seed ${example?.seed} --seconds ${safetyMs / 1_000} --trace`,
  );
}

const nameWidth = 36;

function rowOfCells(bug: string, seeds: string, caught: string, by: string): string {
  return `${bug.padEnd(nameWidth)}${seeds.padStart(12)}  ${caught.padEnd(10)}  ${by}`;
}

function printEnd({ control, from, seconds, verdicts }: BankReport, { safetyMs, starts }: BankCommand): void {
  const { failure, seeds } = control;
  if (failure === null) console.log(`nothing planted: ${seeds} seeds passed`);
  else console.log(`NOTHING PLANTED, and seed ${failure.seed} failed: ${failure.says}`);
  const missed = verdicts.filter((verdict) => verdict.missed !== null).length;
  console.log(`${verdicts.length - missed} bugs caught, ${missed} missed, in ${seconds.toFixed(0)} s`);
  console.log(
    `the same again: npm run sim -- --bug-bank --from ${from} --starts ${starts} --seconds ${safetyMs / 1_000}`,
  );
}
