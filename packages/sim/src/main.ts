// `npm run sim -- --seeds 500` runs many seeds and reports; `npm run sim -- --seed 7 --trace` replays one and prints what happened.
// With `--whole` it runs whole members with clients, otherwise core alone. `npm run sim -- --bug-bank` plants known bugs and looks for them.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { bugBank } from './bug-bank/command.ts';
import { simulateMembers } from './members/run.ts';
import { memberSettingsFor } from './members/settings.ts';
import { simulate } from './run.ts';
import { settingsFor } from './swarm.ts';
import type { Outcome, Share } from './worker.ts';

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
      whole: { type: 'boolean', default: false },
      'bug-bank': { type: 'boolean', default: false },
      bug: { type: 'string', multiple: true, default: [] },
      starts: { type: 'string', default: '20' },
      json: { type: 'boolean', default: false },
    },
  });
  const { bug: names, json, trace, whole } = values;
  const seed = values.seed === undefined ? null : number('seed', values.seed);
  const from = values.from === undefined ? null : number('from', values.from);
  if (values['bug-bank']) {
    const safetyMs = number('seconds', values.seconds ?? '10') * 1_000;
    const starts = number('starts', values.starts);
    process.exitCode = await bugBank({ names, seed, from, starts, safetyMs, trace, json });
    return;
  }
  const members = values.members === undefined ? null : number('members', values.members);
  const safetyMs = number('seconds', values.seconds ?? '60') * 1_000;
  if (seed !== null) await replay(seed, { members, safetyMs, whole }, trace);
  else await runAll(from ?? 1, number('seeds', values.seeds), { members, safetyMs, whole });
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    console.error(`--${name} must be a whole number, not ${JSON.stringify(text)}`);
    process.exit(2);
  }
  return value;
}

type Kind = Pick<Share, 'members' | 'safetyMs' | 'whole'>;

async function replay(seed: number, { members, safetyMs, whole }: Kind, trace: boolean): Promise<void> {
  const print = trace ? (line: string): void => console.log(line) : null;
  if (whole) {
    const settings = memberSettingsFor(seed, members, safetyMs);
    console.log(JSON.stringify(settings, null, 2));
    console.log(JSON.stringify(await simulateMembers(seed, settings, print), null, 2));
    return;
  }
  const settings = settingsFor(seed, members, safetyMs);
  console.log(JSON.stringify(settings, null, 2));
  console.log(JSON.stringify(simulate(seed, settings, print), null, 2));
}

async function runAll(first: number, count: number, kind: Kind): Promise<void> {
  const began = performance.now();
  const workers = Math.min(availableParallelism(), count);
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: workers }, async (_, at) => {
      const share: Share = { first: first + at, last: first + count - 1, step: workers, ...kind };
      const worker = fork(new URL('./worker.ts', import.meta.url), [JSON.stringify(share)]);
      worker.on('message', (outcome: Outcome) => outcomes.push(outcome));
      await new Promise<void>((resolve, reject) => worker.once('exit', () => resolve()).once('error', reject));
    }),
  );
  summarise(outcomes, count, (performance.now() - began) / 1_000, kind);
}

function summarise(outcomes: readonly Outcome[], seeds: number, seconds: number, kind: Kind): void {
  const totals = new Map<string, number>();
  const add = (name: string, value: unknown): void => {
    if (typeof value === 'number') totals.set(name, (totals.get(name) ?? 0) + value);
    else if (typeof value === 'object' && value !== null)
      for (const [part, count] of Object.entries(value)) add(`${name}: ${part}`, count);
  };
  let failed = 0;
  for (const outcome of outcomes.toSorted((a, b) => a.seed - b.seed)) {
    if ('error' in outcome) {
      failed++;
      console.log(`seed ${outcome.seed}: ${outcome.error}`);
      console.log(`    ${commandFor(outcome.seed, kind)}`);
    } else {
      for (const [name, value] of Object.entries(outcome.report)) add(name, value);
    }
  }
  for (const [name, value] of totals) console.log(`${name.padEnd(24)} ${Math.round(value)}`);
  const simulated = (totals.get('simulatedMs') ?? 0) / 1_000;
  console.log(
    `${(simulated / seconds).toFixed(0)} simulated seconds and ${((totals.get('events') ?? 0) / seconds).toFixed(0)} events a second`,
  );
  console.log(`${outcomes.length - failed} seeds passed, ${failed} failed, in ${seconds.toFixed(1)} s`);
  process.exitCode = failed > 0 || outcomes.length < seeds ? 1 : 0;
}

function commandFor(seed: number, { members, safetyMs, whole }: Kind): string {
  const size = members === null ? '' : ` --members ${members}`;
  return `npm run sim --${whole ? ' --whole' : ''} --seed ${seed}${size} --seconds ${safetyMs / 1_000} --trace`;
}
