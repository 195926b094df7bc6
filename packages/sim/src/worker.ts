// One of the processes among which `main.ts` divides the seeds.
import { type RunReport, simulate } from './run.ts';
import { settingsFor } from './swarm.ts';

/** Every `step`-th seed from `first` to `last`. */
export interface Share {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  readonly members: number | null;
  readonly safetyMs: number;
}

export type Outcome =
  | { readonly seed: number; readonly report: RunReport }
  | { readonly seed: number; readonly error: string };

const share = JSON.parse(process.argv[2] ?? '') as Share;
for (let seed = share.first; seed <= share.last; seed += share.step) process.send?.(attempt(seed, share));

function attempt(seed: number, { members, safetyMs }: Share): Outcome {
  try {
    return { seed, report: simulate(seed, settingsFor(seed, members, safetyMs)) };
  } catch (error) {
    return { seed, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}
