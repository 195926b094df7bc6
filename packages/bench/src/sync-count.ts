import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const strace = '/usr/bin/strace';
const syncCalls = 'fsync,fdatasync,msync,sync_file_range';

/** What attaching to all threads of a member takes at most, before anything is counted. */
const attachMs = 500;

export interface SyncRates {
  /** Sync calls of each process per second of `work`; null where strace is missing or may not look. */
  readonly perSecond: readonly (number | null)[];
}

/** Counts what the kernel is really asked to sync. It slows the members: take only counts from the same run. */
export async function countSyncs<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<SyncRates & { readonly result: T }> {
  if (!existsSync(strace)) return { perSecond: pids.map(() => null), result: await work() };
  const tracers = pids.map((pid) => {
    const child = spawn(strace, ['-f', '-c', '-e', `trace=${syncCalls}`, '-p', String(pid)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return { child, output: text(child.stderr), startedMs: performance.now() };
  });
  await sleep(attachMs);
  const result = await work();
  const perSecond = await Promise.all(
    tracers.map(async ({ child, output, startedMs }) => {
      const seconds = (performance.now() - startedMs) / 1_000;
      child.kill('SIGINT');
      const calls = callsIn(await output);
      return calls === null ? null : calls / seconds;
    }),
  );
  return { perSecond, result };
}

/** Null: strace counted nothing, or was not allowed to. */
export function callsIn(summary: string): number | null {
  let calls: number | null = null;
  for (const line of summary.split('\n')) {
    const match = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(fsync|fdatasync|msync|sync_file_range)$/.exec(line);
    if (match !== null) calls = (calls ?? 0) + Number(match[1]);
  }
  return calls;
}
