// `npm run nemesis -- --seconds 300 --seed 7 --members 5`: real member processes under kills, stops, partitions, slow links, full disks,
// changes of the membership and transfers, all mixed by the seed, with everything checked that clients saw.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { guardDirectory, releaseDirectory } from '../processes/guardian.ts';
import { commandFor, printReport } from './report.ts';
import { runNemesis } from './run.ts';
import { seedOfCommit } from './seed-of-commit.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '25' },
    seed: { type: 'string' },
    members: { type: 'string', default: '3' },
    keep: { type: 'boolean', default: false },
  },
});

function number(name: string, text: string, lowest: number, highest: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= lowest && value <= highest) return value;
  console.error(`--${name}: a whole number from ${lowest} to ${highest}, not ${JSON.stringify(text)}`);
  process.exit(2);
}

const options = {
  seconds: number('seconds', values.seconds, 1, 86_400),
  seed: values.seed === undefined ? seedOfCommit() : number('seed', values.seed, 0, 2 ** 32 - 1),
  members: number('members', values.members, 1, 7),
};
const folder = mkdtempSync(join(tmpdir(), 'conclave-nemesis-'));
console.log(commandFor(options));
guardDirectory(folder);
const report = await runNemesis({ ...options, folder });
printReport(report, options);
releaseDirectory(folder);
if (report.failures.length > 0 || values.keep) console.log(`history, diary and logs: ${folder}`);
else rmSync(folder, { recursive: true });
process.exitCode = report.failures.length > 0 ? 1 : 0;
