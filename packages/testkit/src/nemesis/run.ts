// One run of the nemesis: a cluster of real processes, a load, the rounds of a plan, and the judgement.
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@conclave/client';
import { checkHistory } from '../history/checkers.ts';
import type { HistoryRecord } from '../history/record.ts';
import type { Verdict } from '../history/verdict.ts';
import { mountDisks } from '../processes/small-disk.ts';
import { patienceMs, TestCluster } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';
import { type Compared, compareDigests } from './digests.ts';
import { longestGapMs } from './gaps.ts';
import { Load } from './load.ts';
import { Nemesis } from './nemesis.ts';
import { planFor } from './plan.ts';

export interface NemesisOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly members: number;
  /** An empty folder for what the run leaves: history, diary, what the members said. */
  readonly folder: string;
}

export interface NemesisReport {
  /** What is wrong; empty: nothing. */
  readonly failures: readonly string[];
  readonly faults: readonly (readonly [what: string, occurred: number, omitted: number])[];
  /** By operation and how it ended. */
  readonly operations: ReadonlyMap<string, Readonly<Record<'ok' | 'fail' | 'unknown', number>>>;
  readonly verdicts: readonly Verdict[];
  readonly longestGapMs: number;
  readonly rounds: number;
  readonly compared: Compared | null;
  /** Why disks were not filled. */
  readonly noDisks: string | null;
  readonly seconds: number;
}

export async function runNemesis({ folder, members, seconds, seed }: NemesisOptions): Promise<NemesisReport> {
  const beganMs = performance.now();
  const diary = join(folder, 'diary.txt');
  const log = (line: string): void => {
    appendFileSync(diary, `${((performance.now() - beganMs) / 1000).toFixed(3)} ${line}\n`);
  };
  const { rounds } = planFor(seed, seconds);
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(rounds, null, 2));
  using disks = mountDisks(folder, members);
  log(disks.reason ?? `${members} disks`);
  await using cluster = await TestCluster.start({
    members,
    proxied: 'everything',
    logLevel: 'info',
    directoryOf: (id) => disks.directoryOf(id),
  });
  log(`${members} members`);
  const failures: string[] = [];
  const failed = (error: unknown): void => {
    failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    log(`FAILED ${String(error)}`);
  };
  await using load = await Load.start(cluster, join(folder, 'history.jsonl'));
  await using client = await connect({ endpoints: cluster.endpoints, identity: 'idempotency-key' });
  const nemesis = new Nemesis(cluster, client, disks.byMember, log);
  let compared: Compared | null = null;
  try {
    await load.served(cluster);
    for (const [at, round] of rounds.entries()) {
      log(`round ${at + 1}`);
      await nemesis.round(round);
      await load.served(cluster);
    }
    log('end');
    await load.end(cluster);
    compared = await compare(cluster);
  } catch (error) {
    failed(error);
  }
  await load[Symbol.asyncDispose]();
  const { records } = load.recorder;
  const verdicts = checkHistory(records);
  for (const { checker, undecided, violations } of verdicts) {
    failures.push(...violations.map(({ message, rule }) => `${checker} (${rule}): ${message}`));
    // A run that broke off has no truth to compare with; that is no news.
    if (compared !== null) failures.push(...undecided.map((what) => `${checker} (undecided): ${what}`));
  }
  if (compared !== null) {
    failures.push(...load.counters.flatMap(({ violation }) => violation ?? []));
    if (new Set(compared.digests.values()).size > 1) failures.push(`digests differ: ${shownDigests(compared)}`);
  }
  if (failures.length > 0) keepOutput(cluster, folder, failures);
  return {
    failures,
    faults: nemesis.tally.rows,
    operations: countOperations(records),
    verdicts,
    longestGapMs: longestGapMs(records),
    rounds: rounds.length,
    compared,
    noDisks: disks.reason,
    seconds: (performance.now() - beganMs) / 1000,
  };
}

/** Nothing is written any more, everybody has applied everything; then all processes end, and their directories are read. */
async function compare(cluster: TestCluster): Promise<Compared> {
  const { clusterId } = await quiet(cluster);
  const directories = new Map(cluster.ids.map((id) => [id, cluster.directoryOf(id)]));
  await cluster.kill(...cluster.ids);
  return compareDigests(clusterId, directories);
}

async function quiet(cluster: TestCluster): Promise<{ readonly clusterId: string }> {
  await using client = await connect({ endpoints: cluster.endpoints });
  return await waitFor(
    async () => {
      const { clusterId, members } = await client.status();
      const [first, ...others] = members.map(({ applied }) => applied);
      return others.every((applied) => applied === first) ? { clusterId } : null;
    },
    patienceMs,
    () => `not everybody has applied everything\n${cluster.output()}`,
  );
}

export function shownDigests({ digests, index }: Compared): string {
  return `at ${index}: ${[...digests].map(([id, digest]) => `member ${id}: ${digest}`).join('; ')}`;
}

function countOperations(records: readonly HistoryRecord[]): Map<string, Record<'ok' | 'fail' | 'unknown', number>> {
  const counts = new Map<string, Record<'ok' | 'fail' | 'unknown', number>>();
  for (const record of records) {
    if (!('status' in record) || !('return_ns' in record)) continue;
    const { op, status } = record;
    const known = counts.get(op) ?? { ok: 0, fail: 0, unknown: 0 };
    counts.set(op, known);
    known[status]++;
  }
  return counts;
}

function keepOutput(cluster: TestCluster, folder: string, failures: readonly string[]): void {
  writeFileSync(join(folder, 'failures.txt'), failures.join('\n\n'));
  mkdirSync(join(folder, 'members'));
  for (const [at, { id, child }] of cluster.everyRun.entries()) {
    const lines = child.lines.map(({ text }) => text).join('\n');
    writeFileSync(join(folder, 'members', `member-${id}-run-${at + 1}.log`), lines);
  }
}
