import { setTimeout as sleep } from 'node:timers/promises';
import { measureBareAppend } from '../bare-append.ts';
import { ConclaveCluster } from '../conclave-cluster.ts';
import { loadConclave, warmUp } from '../conclave-load.ts';
import { Workplace } from '../file-system.ts';
import type { Measured, Task } from '../measured.ts';
import { usageOf } from '../process-usage.ts';
import { countSyncs } from '../sync-count.ts';
import { shown, table } from '../table.ts';
import { EtcdCluster } from './etcd-cluster.ts';
import { EtcdLoad } from './etcd-load.ts';
import { checkPackages } from './requirements.ts';
import { type Comparison, comparisons, type Row, rowsOf, type SharedTask } from './rows.ts';

const valueBytes = 256;
const appendSeconds = 1;
const idleSeconds = 1;

/** Short enough that all of it stays below four minutes; or long enough to trust a difference. */
const extents = {
  quick: { rounds: 2, seconds: 2.5, warmupSeconds: 0.7, keys: 10_000 },
  full: { rounds: 3, seconds: 5, warmupSeconds: 1, keys: 100_000 },
} as const;

export interface SideBySideOptions {
  readonly quick: boolean;
  readonly directory: string;
  readonly say: (text: string) => void;
}

interface Surroundings {
  readonly fileSystem: string;
  readonly appendP50Ms: number;
  /** CPU of each system while it does nothing, all members, in percent of one core. The other one bears it. */
  readonly idlePercent: { readonly ours: number; readonly etcd: number };
  /** Of each member, leader first, with 256 puts outstanding, under strace. */
  readonly syncsPerSecond: { readonly ours: readonly (number | null)[]; readonly etcd: readonly (number | null)[] };
}

export interface SideBySideReport {
  readonly surroundings: Surroundings;
  readonly rows: readonly Row[];
  readonly errors: number;
}

type Load = (task: Task) => Promise<Measured>;

/**
 * Three members of each, both up, one under load at a time: etcd, ours, etcd, ours, for each work, so that what else this machine does
 * meets both alike. Throws CannotRunError when a package or a disk is missing.
 */
export async function compareWithEtcd({ directory, quick, say }: SideBySideOptions): Promise<SideBySideReport> {
  checkPackages();
  using workplace = new Workplace(directory);
  say('building the load generator of etcd');
  const generator = await EtcdLoad.build();
  await using etcd = await EtcdCluster.start(workplace.directory);
  await using ours = await ConclaveCluster.start(workplace.directory);
  const loadEtcd: Load = async (task) => generator.run(etcd, task);
  const loadOurs: Load = async (task) => loadConclave(ours, task);
  const { keys, rounds, seconds, warmupSeconds } = quick ? extents.quick : extents.full;
  const taskOf = (shared: SharedTask): Task => ({ ...shared, valueBytes, keys, seconds, warmupSeconds });

  say('the disk, and both systems at rest');
  const { file } = await measureBareAppend(workplace.directory, appendSeconds);
  const idlePercent = { ours: await idle(ours.pids), etcd: await idle(etcd.pids) };

  say('warming up');
  await generator.fill(etcd, keys, valueBytes);
  await warmUp(ours);
  const rows: Row[] = [];
  let errors = 0;
  for (const comparison of comparisons) {
    const { outstanding, work } = comparison.task;
    say(`${work}, ${outstanding} outstanding`);
    if (comparison === firstOfReads) await etcd.settle();
    const runs = await inTurn(rounds, taskOf(comparison.task), loadOurs, loadEtcd);
    errors += [...runs.ours, ...runs.etcd].reduce((all, run) => all + run.errors, 0);
    rows.push(...rowsOf(comparison, runs.ours, runs.etcd));
  }

  say('syncs');
  const put256 = taskOf({ work: 'put', outstanding: 256, connections: 16 });
  const syncsPerSecond = {
    ours: (await countSyncs(ours.pids, async () => loadOurs(put256))).perSecond,
    etcd: (await countSyncs(etcd.pids, async () => loadEtcd(put256))).perSecond,
  };
  const surroundings = { fileSystem: workplace.fileSystem, appendP50Ms: file.p50Ms, idlePercent, syncsPerSecond };
  return { surroundings, rows, errors };
}

const firstOfReads: Comparison | undefined = comparisons.find(({ task }) => task.work === 'get');

async function inTurn(
  rounds: number,
  task: Task,
  loadOurs: Load,
  loadEtcd: Load,
): Promise<{ readonly ours: Measured[]; readonly etcd: Measured[] }> {
  const runs: { readonly ours: Measured[]; readonly etcd: Measured[] } = { ours: [], etcd: [] };
  for (let round = 0; round < rounds; round++) {
    runs.etcd.push(await loadEtcd(task));
    runs.ours.push(await loadOurs(task));
  }
  return runs;
}

async function idle(pids: readonly number[]): Promise<number> {
  const used = (): number => pids.reduce((all, pid) => all + usageOf(pid).cpuMicros, 0);
  const before = used();
  await sleep(idleSeconds * 1_000);
  return (used() - before) / idleSeconds / 10_000;
}

export function sideBySideText({ errors, rows, surroundings }: SideBySideReport): string {
  const { appendP50Ms, fileSystem, idlePercent, syncsPerSecond } = surroundings;
  const list = (rates: readonly (number | null)[]): string => rates.map((one) => shown(one)).join(', ');
  const body = rows.map((row) => [
    row.work,
    shown(row.ours),
    shown(row.etcd),
    shown(row.ratio),
    `${shown(row.min)} … ${shown(row.max)}`,
    `${row.better === 'higher' ? '≥' : '≤'} ${shown(row.target)}`,
    row.met ? 'met' : 'MISSED',
  ]);
  return [
    `file system ${fileSystem}; fdatasync of an append of 300 bytes: p50 ${shown(appendP50Ms)} ms`,
    `syncs per second of each member, leader first, 256 puts outstanding, under strace: ours ${list(syncsPerSecond.ours)}; etcd ${list(syncsPerSecond.etcd)}`,
    `at rest, all members, of one core: ours ${shown(idlePercent.ours)} %; etcd ${shown(idlePercent.etcd)} %`,
    `operations that failed: ${errors}`,
    '',
    table(['work', 'ours', 'etcd', 'ratio', 'of single runs', 'target', ''], body),
  ].join('\n');
}
