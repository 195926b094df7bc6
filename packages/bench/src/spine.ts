import { connectionsFor } from '@conclave/load';
import { type BareAppend, measureBareAppend } from './bare-append.ts';
import { measureBarePath } from './bare-path.ts';
import { ConclaveCluster } from './conclave-cluster.ts';
import { type ConclaveMeasured, loadConclave, warmUp } from './conclave-load.ts';
import { Workplace } from './file-system.ts';
import type { Task } from './measured.ts';
import { median } from './statistics.ts';
import { countSyncs } from './sync-count.ts';
import { shown, table } from './table.ts';

/** What the way of one write and one read must reach on a machine with two cores. */
const targets = { putsPerSecondAt256: 15_000, maxRatioToBareAppend: 3 } as const;

const putsOutstanding = [1, 64, 256, 1_000] as const;
const getsOutstanding = [64, 256, 1_000] as const;
const putRuns = 3;
const valueBytes = 256;
const keys = 10_000;
const syncSeconds = 2;

export interface SpineOptions {
  /** Of each run. */
  readonly seconds: number;
  readonly directory: string;
  readonly say: (text: string) => void;
}

interface SpineRow {
  readonly work: string;
  readonly outstanding: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  readonly clientMicrosPerOp: number;
  /** The leader's first. */
  readonly memberMicrosPerOp: readonly number[];
  /** All members together. Null: not a write, or the kernel does not say. */
  readonly diskBytesPerOp: number | null;
}

export interface SpineReport {
  readonly fileSystem: string;
  readonly bareAppend: BareAppend;
  /** p50 of the same way with nothing on it but the wire and the disks (bare-path.ts). */
  readonly barePathMs: number;
  readonly rows: readonly SpineRow[];
  /** Of each member at 256 outstanding puts, under strace. */
  readonly syncsPerSecond: readonly (number | null)[];
  /** Puts per sync call in that same run. */
  readonly putsPerSync: number | null;
  readonly putsPerSecondAt256: number;
  readonly ratioToBareAppend: number;
  readonly targets: typeof targets;
  readonly met: boolean;
}

/** The main way through three members on this machine's disk. Throws CannotRunError when there is none. */
export async function measureSpine({ directory, say, seconds }: SpineOptions): Promise<SpineReport> {
  using workplace = new Workplace(directory);
  await using cluster = await ConclaveCluster.start(workplace.directory);
  say('warming up');
  await warmUp(cluster);
  const warmupSeconds = Math.min(1, seconds / 2);
  const task = (work: Task['work'], outstanding: number): Task => {
    const connections = connectionsFor(outstanding);
    return { work, outstanding, connections, valueBytes, keys, seconds, warmupSeconds };
  };
  const appends: BareAppend[] = [];
  const barePathsMs: number[] = [];
  const rows: SpineRow[] = [];
  for (const outstanding of putsOutstanding) {
    const runs: ConclaveMeasured[] = [];
    for (let run = 1; run <= putRuns; run++) {
      say(`put, ${outstanding} outstanding, run ${run} of ${putRuns}`);
      // Beside the run that it is compared with: the disk of a shared machine is not the same a minute later.
      if (outstanding === 1) {
        appends.push(await measureBareAppend(workplace.directory, Math.min(1, seconds)));
        barePathsMs.push((await measureBarePath(workplace.directory, Math.min(1, seconds))).p50Ms);
      }
      runs.push(await loadConclave(cluster, task('put', outstanding)));
    }
    rows.push(rowOf(task('put', outstanding), runs));
  }
  for (const outstanding of getsOutstanding) {
    say(`linearizable get, ${outstanding} outstanding`);
    rows.push(rowOf(task('get', outstanding), [await loadConclave(cluster, task('get', outstanding))]));
  }
  say('syncs');
  const counted = await countSyncs(cluster.pids, async () =>
    loadConclave(cluster, { ...task('put', 256), seconds: syncSeconds, warmupSeconds: 0 }),
  );
  return reportOf(workplace.fileSystem, appends, median(barePathsMs), rows, counted);
}

function rowOf({ outstanding, work }: Task, runs: readonly ConclaveMeasured[]): SpineRow {
  const middle = (of: (run: ConclaveMeasured) => number): number => median(runs.map(of));
  const writes = work === 'put';
  const written = (run: ConclaveMeasured): number =>
    run.members.reduce((all, { writtenBytes }) => all + (writtenBytes ?? Number.NaN), 0) / run.report.operations;
  const bytes = middle(written);
  return {
    work,
    outstanding,
    perSecond: middle(({ perSecond }) => perSecond),
    p50Ms: middle(({ p50Ms }) => p50Ms),
    p99Ms: middle(({ p99Ms }) => p99Ms),
    errors: runs.reduce((all, { errors }) => all + errors, 0),
    clientMicrosPerOp: middle(({ clientMicrosPerOp }) => clientMicrosPerOp),
    memberMicrosPerOp: [0, 1, 2].map((at) =>
      middle(({ members, report }) => (members[at]?.cpuMicros ?? Number.NaN) / report.operations),
    ),
    diskBytesPerOp: writes && !Number.isNaN(bytes) ? bytes : null,
  };
}

function reportOf(
  fileSystem: string,
  appends: readonly BareAppend[],
  barePathMs: number,
  rows: readonly SpineRow[],
  counted: { readonly perSecond: readonly (number | null)[]; readonly result: ConclaveMeasured },
): SpineReport {
  const middle = (of: (one: BareAppend) => number): number => median(appends.map(of));
  const bareAppend: BareAppend = {
    file: { p50Ms: middle(({ file }) => file.p50Ms), p99Ms: middle(({ file }) => file.p99Ms) },
    level: { p50Ms: middle(({ level }) => level.p50Ms), p99Ms: middle(({ level }) => level.p99Ms) },
  };
  const putsPerSecondAt256 =
    rows.find(({ outstanding, work }) => work === 'put' && outstanding === 256)?.perSecond ?? 0;
  const atOne = rows.find(({ outstanding, work }) => work === 'put' && outstanding === 1);
  const ratioToBareAppend = (atOne?.p50Ms ?? Number.NaN) / bareAppend.file.p50Ms;
  const [leaderSyncs = null] = counted.perSecond;
  const met = putsPerSecondAt256 >= targets.putsPerSecondAt256 && ratioToBareAppend < targets.maxRatioToBareAppend;
  return {
    fileSystem,
    bareAppend,
    barePathMs,
    rows,
    syncsPerSecond: counted.perSecond,
    putsPerSync: leaderSyncs === null ? null : counted.result.perSecond / leaderSyncs,
    putsPerSecondAt256,
    ratioToBareAppend,
    targets,
    met,
  };
}

export function spineText(report: SpineReport): string {
  const {
    bareAppend,
    barePathMs,
    fileSystem,
    putsPerSecondAt256,
    putsPerSync,
    ratioToBareAppend,
    rows,
    syncsPerSecond,
  } = report;
  const micros = (row: SpineRow): string => row.memberMicrosPerOp.map((one) => shown(one)).join(' + ');
  const head = [
    'work',
    'outstanding',
    '/s',
    'p50 ms',
    'p99 ms',
    'errors',
    'leader + followers µs',
    'client µs',
    'disk B/op',
  ];
  const body = rows.map((row) => [
    row.work,
    String(row.outstanding),
    shown(row.perSecond),
    shown(row.p50Ms),
    shown(row.p99Ms),
    String(row.errors),
    micros(row),
    shown(row.clientMicrosPerOp),
    shown(row.diskBytesPerOp),
  ]);
  const verdict = (met: boolean): string => (met ? 'met' : 'MISSED');
  return [
    `file system ${fileSystem}; one bare append of 300 bytes and fdatasync: p50 ${shown(bareAppend.file.p50Ms)} ms, p99 ${shown(bareAppend.file.p99Ms)} ms;`,
    `the same as one synced put of LevelDB: p50 ${shown(bareAppend.level.p50Ms)} ms, p99 ${shown(bareAppend.level.p99Ms)} ms;`,
    `from a client over a leader to two followers and back on bare TCP, with one synced put of LevelDB each: p50 ${shown(barePathMs)} ms, ${shown(barePathMs / bareAppend.file.p50Ms)} bare appends`,
    '',
    table(head, body),
    '',
    `syncs per second of each member, leader first, 256 puts outstanding, under strace: ${syncsPerSecond.map((one) => shown(one)).join(', ')}; puts per sync: ${shown(putsPerSync)}`,
    `put/s at 256 outstanding: ${shown(putsPerSecondAt256)}, to reach ${shown(targets.putsPerSecondAt256)}: ${verdict(putsPerSecondAt256 >= targets.putsPerSecondAt256)}`,
    `p50 of a put at 1 outstanding, relative to one bare append: ${shown(ratioToBareAppend)}, to stay below ${targets.maxRatioToBareAppend}: ${verdict(ratioToBareAppend < targets.maxRatioToBareAppend)}`,
  ].join('\n');
}
