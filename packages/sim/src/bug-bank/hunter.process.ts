// Runs in a copy of the sources that has a bug in it, and looks for a seed that finds it, from one starting seed after the other.
import { setImmediate as turn } from 'node:timers/promises';
import { simulateMembers } from '../members/run.ts';
import { type MemberRunSettings, memberSettingsFor } from '../members/settings.ts';
import { simulate } from '../run.ts';
import { type Settings, settingsFor } from '../swarm.ts';
import type { Circumstance } from './bug.ts';
import type { Found, Hunt, Replay } from './hunt.ts';

const ofCore = (holds: (settings: Settings) => boolean) => (seed: number, safetyMs: number) =>
  holds(settingsFor(seed, null, safetyMs));
const ofMembers = (holds: (settings: MemberRunSettings) => boolean) => (seed: number, safetyMs: number) =>
  holds(memberSettingsFor(seed, null, safetyMs));

/** Told by the settings that a seed draws. */
const isGiven: Readonly<Record<Circumstance, (seed: number, safetyMs: number) => boolean>> = {
  'stale leaders with leases': ofCore(
    ({ faults, membership }) => membership.leaseReads && faults.leaderFaults.includes('deaf'),
  ),
  'hunted leaders': ofCore(({ faults }) => faults.leaderEveryMs <= 300),
  'busy clients': ofCore(({ load }) => load.operationsPerSecond >= 400),
  'severed leaders': ofMembers(
    ({ electionMs, members, operator, staleLeaderEveryMs }) =>
      members >= 3 && !operator.leaseReads && electionMs >= 400 && staleLeaderEveryMs < Number.POSITIVE_INFINITY,
  ),
};

const given = JSON.parse(process.argv[2] ?? '') as Hunt | Replay;
// Nobody waits for what it finds any more.
const orphaned = (): never => process.exit(1);
process.once('disconnect', orphaned);
if ('seed' in given) await replay(given);
else await hunt(given);
process.off('disconnect', orphaned);
process.disconnect();

async function hunt(order: Hunt): Promise<void> {
  for (const start of order.starts) {
    const found = await huntFrom(start, order);
    if (found === null) return;
    process.send?.(found);
  }
}

/** Null when the time is up before that is known. */
async function huntFrom(start: number, { budgetMs, level, maxSeeds, onlyWith, safetyMs }: Hunt): Promise<Found | null> {
  for (let seeds = 1; seeds <= maxSeeds; seeds++) {
    if (processorMs() > budgetMs) return null;
    const seed = start + seeds - 1;
    if (onlyWith !== undefined && !isGiven[onlyWith](seed, safetyMs)) continue;
    await turn();
    const caught = await attempt({ seed, level, safetyMs });
    if (caught !== null) return { start, seeds, caught: { seed, ...caught } };
  }
  return { start, seeds: maxSeeds, caught: null };
}

/** Not the time that has gone by: how much is found must not depend on what else the machine does. */
function processorMs(): number {
  const { system, user } = process.cpuUsage();
  return (system + user) / 1_000;
}

type Attempt = Pick<Hunt, 'safetyMs'> & { readonly seed: number; readonly level: Hunt['level'] | undefined };

async function attempt(one: Attempt): Promise<{ readonly by: string; readonly says: string } | null> {
  try {
    await run(one, null);
    return null;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { by: invariantOf(error), says: error.message };
  }
}

async function run({ level, safetyMs, seed }: Attempt, print: ((line: string) => void) | null): Promise<object> {
  if (level === undefined) return simulate(seed, settingsFor(seed, null, safetyMs), print);
  return simulateMembers(seed, memberSettingsFor(seed, null, safetyMs), print);
}

/**
 * The invariants of the simulator, and the assertions of core, which ship. Anything else, such as a name that does not exist, is a mistake in
 * the patch, and not a bug that was found.
 */
function invariantOf(error: Error): string {
  if ('invariant' in error && typeof error.invariant === 'string') return error.invariant;
  if (error.name === 'RaftAssertionError') return "core's assertions";
  throw error;
}

async function replay({ level, safetyMs, seed, trace }: Replay): Promise<void> {
  const print = trace ? (line: string): void => console.log(line) : null;
  console.log(JSON.stringify(await run({ seed, level, safetyMs }, print), null, 2));
}
