// `npm run sim -- --seeds 500` runs many seeds and reports; `npm run sim -- --seed 7 --trace` replays one and prints what happened.
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { simulate } from './run.ts';
import { settingsFor } from './swarm.ts';
import type { Outcome, Share } from './worker.ts';

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      members: { type: 'string' },
      seconds: { type: 'string', default: '60' },
      trace: { type: 'boolean', default: false },
    },
  });
  const members = values.members === undefined ? null : number('members', values.members);
  const safetyMs = number('seconds', values.seconds) * 1_000;
  if (values.seed !== undefined) {
    replay(number('seed', values.seed), members, safetyMs, values.trace);
    return;
  }
  await runAll(number('from', values.from), number('seeds', values.seeds), members, safetyMs);
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    console.error(`--${name} must be a whole number, not ${JSON.stringify(text)}`);
    process.exit(2);
  }
  return value;
}

function replay(seed: number, members: number | null, safetyMs: number, trace: boolean): void {
  const settings = settingsFor(seed, members, safetyMs);
  console.log(JSON.stringify(settings, null, 2));
  const report = simulate(seed, settings, trace ? (line) => console.log(line) : null);
  console.log(JSON.stringify(report, null, 2));
}

async function runAll(first: number, count: number, members: number | null, safetyMs: number): Promise<void> {
  const began = performance.now();
  const workers = Math.min(availableParallelism(), count);
  const outcomes: Outcome[] = [];
  await Promise.all(
    Array.from({ length: workers }, async (_, at) => {
      const share: Share = { first: first + at, last: first + count - 1, step: workers, members, safetyMs };
      const worker = fork(new URL('./worker.ts', import.meta.url), [JSON.stringify(share)]);
      worker.on('message', (outcome: Outcome) => outcomes.push(outcome));
      await new Promise<void>((resolve, reject) => worker.once('exit', () => resolve()).once('error', reject));
    }),
  );
  summarise(outcomes, count, (performance.now() - began) / 1_000, members, safetyMs);
}

function summarise(
  outcomes: readonly Outcome[],
  seeds: number,
  seconds: number,
  members: number | null,
  safetyMs: number,
): void {
  const totals = new Map<string, number>();
  const add = (name: string, value: number): unknown => totals.set(name, (totals.get(name) ?? 0) + value);
  let failed = 0;
  for (const outcome of outcomes.toSorted((a, b) => a.seed - b.seed)) {
    if ('error' in outcome) {
      failed++;
      const size = members === null ? '' : ` --members ${members}`;
      console.log(`seed ${outcome.seed}: ${outcome.error}`);
      console.log(`    npm run sim -- --seed ${outcome.seed}${size} --seconds ${safetyMs / 1_000} --trace`);
      continue;
    }
    const { report } = outcome;
    add('simulated seconds', report.simulatedMs / 1_000);
    add('events', report.events);
    add('committed entries', report.committed);
    add('terms', report.terms);
    for (const [group, counts] of Object.entries({
      faults: report.faults,
      network: report.network,
      disk: report.disk,
      load: report.load,
    })) {
      for (const [name, value] of Object.entries(counts)) add(`${group}: ${name}`, value);
    }
  }
  for (const [name, value] of totals) console.log(`${name.padEnd(24)} ${Math.round(value)}`);
  const simulated = totals.get('simulated seconds') ?? 0;
  console.log(
    `${(simulated / seconds).toFixed(0)} simulated seconds and ${((totals.get('events') ?? 0) / seconds).toFixed(0)} events a second`,
  );
  console.log(`${outcomes.length - failed} seeds passed, ${failed} failed, in ${seconds.toFixed(1)} s`);
  process.exitCode = failed > 0 || outcomes.length < seeds ? 1 : 0;
}
