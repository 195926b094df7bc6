import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Bug } from './bug.ts';
import { PlantedCopy, repository } from './planted-copy.ts';

/** How long is looked for a bug, and from where. */
export interface Hunt extends Pick<Bug, 'onlyWith' | 'level'> {
  /** From each of them on, seed by seed. */
  readonly starts: readonly number[];
  readonly maxSeeds: number;
  readonly safetyMs: number;
  /** Of processor time. After that no further seed begins. */
  readonly budgetMs: number;
}

export interface Replay extends Pick<Bug, 'level'> {
  readonly seed: number;
  readonly safetyMs: number;
  readonly trace: boolean;
}

export interface Found {
  readonly start: number;
  /** Those that were run, the one that found it among them. */
  readonly seeds: number;
  readonly caught: { readonly seed: number; readonly by: string; readonly says: string } | null;
}

/** Real time for each millisecond of the budget, on a machine that does other things as well. */
const patience = 10;
/** Beyond the budget: to start, and to end a seed. A bug may also make a run endless. */
const graceMs = 30_000;

/** What came of each starting seed that there was time for, to its end. Throws when the copy does not run, or does not end. */
export async function hunt(
  bug: Pick<Bug, 'name' | 'edits' | 'onlyWith' | 'patience' | 'level'>,
  hunted: Omit<Hunt, 'onlyWith' | 'level'>,
): Promise<Found[]> {
  using copy = new PlantedCopy(bug.name, bug.edits);
  const { name: _name, edits: _edits, patience: longer = 1, ...where } = bug;
  const order: Hunt = {
    ...where,
    ...hunted,
    maxSeeds: longer * hunted.maxSeeds,
    budgetMs: longer * hunted.budgetMs,
  };
  const found: Found[] = [];
  const { code, stderr } = await runIn(copy, order, (one) => found.push(one), patience * order.budgetMs + graceMs);
  if (code !== 0) throw new Error(`${bug.name}: the copy ended with ${code}: ${stderr}`);
  return found;
}

/** Prints what one seed does with the bug planted. Returns the exit code. */
export async function replay(bug: Bug, seed: Omit<Replay, 'level'>): Promise<number> {
  using copy = new PlantedCopy(bug.name, bug.edits);
  const order: Replay = bug.level === undefined ? seed : { ...seed, level: bug.level };
  const { code, stderr } = await runIn(copy, order, () => {}, null);
  process.stderr.write(stderr);
  return typeof code === 'number' ? code : 1;
}

async function runIn(
  { directory }: PlantedCopy,
  order: Hunt | Replay,
  heard: (found: Found) => void,
  timeoutMs: number | null,
): Promise<{ readonly code: number | string | null; readonly stderr: string }> {
  const program = join(directory, 'packages/sim/src/bug-bank/hunter.process.ts');
  // `tsx` is looked up from where the process runs.
  const child = fork(program, [JSON.stringify(order)], {
    cwd: repository,
    execArgv: ['--import', 'tsx', '--conditions=conclave-source'],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  child.on('message', heard);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const timer = timeoutMs === null ? undefined : setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  try {
    return await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code: code ?? signal, stderr }));
    });
  } finally {
    clearTimeout(timer);
  }
}
