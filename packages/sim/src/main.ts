// `npm run sim -- --seeds 500` runs many seeds and reports; `npm run sim -- --seed 7 --trace` replays one and prints what happened.
// Seeds are divided between core alone and whole members with clients; `--core` and `--whole` run one of both. `npm run sim -- --bug-bank` plants
// known bugs and looks for them.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { bugBank } from './bug-bank/command.ts';
import { bundleWorker } from './bundle.ts';
import { simulateMembers } from './members/run.ts';
import { memberSettingsFor, steadySettings } from './members/settings.ts';
import { simulate } from './run.ts';
import { settingsFor } from './swarm.ts';
import { isWhole, type Outcome, type Parts, type Share } from './worker.ts';

/** Most of what a run allocates is garbage a moment later: with little room for it a tenth of the time goes into collecting it. */
const workerFlags = [
  '--max-semi-space-size=64',
  // The code is large, and the time spread over thousands of functions: what is compiled at once need not be interpreted first.
  '--always-sparkplug',
  '--no-lazy-feedback-allocation',
  '--enable-source-maps',
];

type Kind = Pick<Share, 'members' | 'safetyMs' | 'parts' | 'steady'>;

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      from: { type: 'string' },
      seed: { type: 'string' },
      members: { type: 'string' },
      seconds: { type: 'string' },
      trace: { type: 'boolean', default: false },
      core: { type: 'boolean', default: false },
      whole: { type: 'boolean', default: false },
      steady: { type: 'boolean', default: false },
      'bug-bank': { type: 'boolean', default: false },
      bug: { type: 'string', multiple: true, default: [] },
      starts: { type: 'string', default: '20' },
      json: { type: 'boolean', default: false },
    },
  });
  const { bug: names, json } = values;
  const seed = values.seed === undefined ? null : number('seed', values.seed);
  const from = values.from === undefined ? null : number('from', values.from);
  if (values['bug-bank']) {
    const safetyMs = number('seconds', values.seconds ?? '10') * 1_000;
    const starts = number('starts', values.starts);
    process.exitCode = await bugBank({ names, seed, from, starts, safetyMs, trace: values.trace, json });
    return;
  }
  const members = values.members === undefined ? null : number('members', values.members);
  const { steady } = values;
  const parts: Parts = steady ? 'whole' : values.whole === values.core ? 'both' : values.whole ? 'whole' : 'core';
  const kind: Kind = { members, safetyMs: number('seconds', values.seconds ?? '60') * 1_000, parts, steady };
  if (seed === null) await runAll(from ?? 1, number('seeds', values.seeds), kind);
  else await replay(seed, kind, values.trace);
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    console.error(`--${name} must be a whole number, not ${JSON.stringify(text)}`);
    process.exit(2);
  }
  return value;
}

async function replay(seed: number, { members, parts, safetyMs, steady }: Kind, trace: boolean): Promise<void> {
  const print = trace ? (line: string): void => console.log(line) : null;
  if (isWhole(seed, parts)) {
    const settings = steady ? steadySettings(safetyMs) : memberSettingsFor(seed, members, safetyMs);
    console.log(JSON.stringify(settings, null, 2));
    console.log(JSON.stringify(await simulateMembers(seed, settings, print), null, 2));
    return;
  }
  const settings = settingsFor(seed, members, safetyMs);
  console.log(JSON.stringify(settings, null, 2));
  console.log(JSON.stringify(simulate(seed, settings, print), null, 2));
}

async function runAll(first: number, count: number, kind: Kind): Promise<void> {
  const workers = Math.min(availableParallelism(), count);
  const bundle = await bundleWorker();
  const began = performance.now();
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: workers }, async (_, at) => {
      const share: Share = { first: first + at, last: first + count - 1, step: workers, ...kind };
      const worker = fork(bundle, [JSON.stringify(share)], { execArgv: workerFlags });
      worker.on('message', (outcome: Outcome) => outcomes.push(outcome));
      await new Promise<void>((resolve, reject) => worker.once('exit', () => resolve()).once('error', reject));
    }),
  );
  summarise(outcomes, count, (performance.now() - began) / 1_000, kind);
}

function summarise(outcomes: readonly Outcome[], seeds: number, seconds: number, kind: Kind): void {
  const failed = outcomes.filter((outcome) => 'error' in outcome).toSorted((a, b) => a.seed - b.seed);
  for (const { error, seed } of failed) {
    console.log(`seed ${seed}: ${error}`);
    console.log(`    ${commandFor(seed, kind)}`);
  }
  for (const whole of [false, true]) {
    const ofKind = outcomes.filter(({ seed }) => isWhole(seed, kind.parts) === whole);
    if (ofKind.length > 0) summariseKind(whole ? 'whole members' : 'core alone', ofKind);
  }
  console.log(`${outcomes.length - failed.length} seeds passed, ${failed.length} failed, in ${seconds.toFixed(1)} s`);
  process.exitCode = failed.length > 0 || outcomes.length < seeds ? 1 : 0;
}

/** What happened in all of them together: a fault that never occurs is not tested. */
function summariseKind(name: string, outcomes: readonly Outcome[]): void {
  const totals = new Map<string, number>();
  const add = (what: string, value: unknown): void => {
    if (typeof value === 'number') totals.set(what, (totals.get(what) ?? 0) + value);
    else if (typeof value === 'object' && value !== null)
      for (const [part, count] of Object.entries(value)) add(`${what}: ${part}`, count);
  };
  for (const outcome of outcomes) if ('report' in outcome) add('', { [name]: outcome.report });
  for (const [what, value] of totals) console.log(`${what.slice(2).padEnd(36)} ${Math.round(value)}`);
  const cpuSeconds = outcomes.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / 1_000;
  const simulated = (totals.get(`: ${name}: simulatedMs`) ?? 0) / 1_000;
  console.log(`${name}: ${(simulated / cpuSeconds).toFixed(0)} simulated seconds a second of one core`);
}

function commandFor(seed: number, { members, parts, safetyMs, steady }: Kind): string {
  const size = members === null ? '' : ` --members ${members}`;
  const what = steady ? '--steady' : isWhole(seed, parts) ? '--whole' : '--core';
  return `npm run sim -- ${what} --seed ${seed}${size} --seconds ${safetyMs / 1_000} --trace`;
}
