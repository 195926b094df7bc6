// One of the processes among which `main.ts` divides the seeds.
import { type MemberRunReport, simulateMembers } from './members/run.ts';
import { memberSettingsFor } from './members/settings.ts';
import { type RunReport, simulate } from './run.ts';
import { settingsFor } from './swarm.ts';

/** Every `step`-th seed from `first` to `last`. */
export interface Share {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  /** Whole members with clients; otherwise core alone. */
  readonly whole: boolean;
  readonly members: number | null;
  readonly safetyMs: number;
}

export type Outcome =
  | { readonly seed: number; readonly report: RunReport | MemberRunReport }
  | { readonly seed: number; readonly error: string };

const share = JSON.parse(process.argv[2] ?? '') as Share;
for (let seed = share.first; seed <= share.last; seed += share.step) process.send?.(await attempt(seed, share));

async function attempt(seed: number, { members, safetyMs, whole }: Share): Promise<Outcome> {
  try {
    const report = whole
      ? await simulateMembers(seed, memberSettingsFor(seed, members, safetyMs))
      : simulate(seed, settingsFor(seed, members, safetyMs));
    return { seed, report };
  } catch (error) {
    return { seed, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}
