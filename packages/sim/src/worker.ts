// One of the processes among which `main.ts` divides the seeds.
import { type MemberRunReport, simulateMembers } from './members/run.ts';
import { memberSettingsFor, steadySettings } from './members/settings.ts';
import { type RunReport, simulate } from './run.ts';
import { settingsFor } from './swarm.ts';

export type Parts = 'core' | 'whole' | 'both';

/** Every `step`-th seed from `first` to `last`. */
export interface Share {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly parts: Parts;
  readonly members: number | null;
  readonly safetyMs: number;
  /** Whole members under a load that is always the same, without faults: how fast the simulator is. */
  readonly steady: boolean;
}

export type Outcome = { readonly seed: number; readonly cpuMs: number } & (
  | { readonly report: RunReport | MemberRunReport }
  | { readonly error: string }
);

/** So that the seeds of both take about as long, and each worker gets some of each. */
const wholeOf = 5;

/** Whether the seed is one for whole members. */
export function isWhole(seed: number, parts: Parts): boolean {
  return parts === 'both' ? seed % wholeOf === 0 : parts === 'whole';
}

if (process.send !== undefined && process.argv[2] !== undefined) await work(JSON.parse(process.argv[2]) as Share);

async function work(share: Share): Promise<void> {
  // Where an error was made is shown by a replay; here many are made that are no failures.
  Error.stackTraceLimit = 0;
  for (let seed = share.first; seed <= share.last; seed += share.step) process.send?.(await attempt(seed, share));
}

async function attempt(seed: number, share: Share): Promise<Outcome> {
  const before = process.cpuUsage();
  const result = await run(seed, share).then(
    (report) => ({ report }),
    (error: unknown) => ({ error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }),
  );
  const { system, user } = process.cpuUsage(before);
  return { seed, cpuMs: (user + system) / 1_000, ...result };
}

async function run(seed: number, { members, parts, safetyMs, steady }: Share): Promise<RunReport | MemberRunReport> {
  if (steady) return simulateMembers(seed, steadySettings(safetyMs));
  if (isWhole(seed, parts)) return simulateMembers(seed, memberSettingsFor(seed, members, safetyMs));
  return simulate(seed, settingsFor(seed, members, safetyMs));
}
