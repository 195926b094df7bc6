// `npm run fleet -- --seconds 120 --seed 7 --workers 10`: worker processes of which one leads; whoever leads is paused, killed or cut off in turn. Fails
// when the history shows two leaders, a smaller fence behind a larger one or a write that is not there once, or when a hand-over took too long.
import { parseArgs } from 'node:util';
import { seedOfCommit } from '../nemesis/seed-of-commit.ts';
import { fleetCommand, fleetText } from './report.ts';
import { runFleet } from './run.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    seed: { type: 'string' },
    workers: { type: 'string', default: '10' },
  },
});

function whole(name: string, text: string, lowest: number, highest: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= lowest && value <= highest) return value;
  console.error(`--${name}: a whole number from ${lowest} to ${highest}, not ${JSON.stringify(text)}`);
  process.exit(2);
}

const options = {
  seconds: whole('seconds', values.seconds, 1, 86_400),
  seed: values.seed === undefined ? seedOfCommit() : whole('seed', values.seed, 0, 2 ** 32 - 1),
  workers: whole('workers', values.workers, 2, 64),
};
console.log(fleetCommand(options));
const report = await runFleet(options);
console.log(fleetText(report));
process.exitCode = report.failures.length > 0 || report.late.length > 0 ? 1 : 0;
