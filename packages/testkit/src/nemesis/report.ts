// What a run prints.
import { type NemesisReport, shownDigests } from './run.ts';

interface Named {
  readonly seed: number;
  readonly seconds: number;
  readonly members: number;
}

/** Shown of a failure; the folder has all of it. */
const maxShownFailures = 5;
const maxShownLines = 30;

/** The line that makes the same plan again. */
export function commandFor({ members, seconds, seed }: Named): string {
  return `npm run nemesis -- --seconds ${seconds} --seed ${seed} --members ${members}`;
}

export function printReport(report: NemesisReport, named: Named): void {
  console.log(`\n${'fault'.padEnd(16)} occurred  could not be`);
  for (const [what, occurred, omitted] of report.faults) {
    console.log(`${what.padEnd(16)} ${`${occurred}`.padStart(8)}  ${omitted === 0 ? '' : omitted}`);
  }
  if (report.noDisks !== null) console.log(`fill disk: skipped, because ${report.noDisks}`);
  console.log(`\n${'operation'.padEnd(16)}       ok  refused  unknown`);
  for (const [op, { fail, ok, unknown }] of report.operations) {
    console.log(`${op.padEnd(16)} ${`${ok}`.padStart(8)} ${`${fail}`.padStart(8)} ${`${unknown}`.padStart(8)}`);
  }
  console.log(`\nchecked: ${report.verdicts.map(({ checker, judged }) => `${checker} ${judged}`).join(', ')} records`);
  if (report.compared !== null) console.log(`digests ${shownDigests(report.compared)}`);
  console.log(`longest time without an acknowledged put: ${Math.round(report.longestGapMs)} ms`);
  for (const failure of report.failures.slice(0, maxShownFailures)) {
    console.log(`\nFAILED ${failure.split('\n').slice(0, maxShownLines).join('\n')}`);
  }
  const more = report.failures.length - maxShownFailures;
  if (more > 0) console.log(`\n… and ${more} more`);
  const verdict = report.failures.length === 0 ? 'nothing wrong' : `${report.failures.length} failures`;
  console.log(`\n${report.rounds} rounds in ${report.seconds.toFixed(1)} s: ${verdict}\n${commandFor(named)}`);
}
