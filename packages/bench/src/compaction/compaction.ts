import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Configuration, MemberId } from '@conclave/core';
import { initStorage, openStorage, type Storage } from '@conclave/storage';
import { ClassicLevel } from 'classic-level';
import { Workplace } from '../file-system.ts';
import { shown, table } from '../table.ts';
import { Checkpoints } from './checkpoints.ts';
import { LogBatches } from './log-batches.ts';
import { type CompactionRow, failures, maxP99Ms, verdict } from './verdict.ts';

const memberId = 1 as MemberId;
const clusterId = 'bench';
const configuration: Configuration = {
  voters: [memberId],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  leaseReads: false,
};
const mib = 1024 * 1024;
/** As `packages/storage` opens `state/`. */
const stateOptions = { compression: false, writeBufferSize: 16 * mib, cacheSize: 32 * mib, createIfMissing: false };
/** Behind every key of the state, whose records all begin with a letter. */
const endOfKeys = Buffer.from([0xff]);

export interface CompactionOptions {
  /** In the state. */
  readonly keys: number;
  /** Of each measurement but the last, which takes as long as the compaction. */
  readonly seconds: number;
  readonly directory: string;
  readonly say: (text: string) => void;
}

export interface CompactionReport {
  readonly fileSystem: string;
  readonly keys: number;
  /** Of `state/` before the compaction. */
  readonly stateBytes: number;
  readonly fillSeconds: number;
  readonly checkpointRecordsPerSecond: number;
  readonly compactionSeconds: number;
  readonly rows: readonly CompactionRow[];
  readonly maxP99Ms: number;
  readonly met: boolean;
}

/**
 * How long a synced batch of a member's log takes while LevelDB has other work, all databases of a process sharing one background
 * thread: alone, beside checkpoints, and during a compaction of the whole state. Throws CannotRunError when there is no disk.
 */
export async function measureCompaction(options: CompactionOptions): Promise<CompactionReport> {
  const { directory, keys, say, seconds } = options;
  using workplace = new Workplace(directory);
  const filled = join(workplace.directory, 'filled');
  const rows: CompactionRow[] = [];

  const storage = await newMember(filled);
  let fillSeconds: number;
  let checkpointRecordsPerSecond: number;
  try {
    const batches = new LogBatches(storage.log);
    // The first entry, at which all checkpoints stand.
    await batches.measureWhile(once());
    const checkpoints = new Checkpoints(storage.state, configuration, keys);
    say(`filling the state with ${keys} keys`);
    const beganMs = performance.now();
    await checkpoints.fill();
    fillSeconds = (performance.now() - beganMs) / 1_000;
    await settled(join(filled, 'state'));

    say('alone');
    for (const times of await batches.measureWhile(forSeconds(seconds))) rows.push({ beside: 'nothing', ...times });
    say('beside checkpoints');
    const goesOn = forSeconds(seconds);
    const [times, rate] = await Promise.all([batches.measureWhile(goesOn), checkpoints.paceWhile(goesOn)]);
    for (const one of times) rows.push({ beside: 'checkpoints', ...one });
    checkpointRecordsPerSecond = rate;
  } finally {
    await storage.close();
  }

  const stateBytes = bytesIn(join(filled, 'state'));
  say('during a full compaction');
  const compactionSeconds = await duringCompaction(join(filled, 'state'), join(workplace.directory, 'other'), rows);
  return {
    fileSystem: workplace.fileSystem,
    keys,
    stateBytes,
    fillSeconds,
    checkpointRecordsPerSecond,
    compactionSeconds,
    rows,
    maxP99Ms,
    met: failures(rows).length === 0,
  };
}

async function newMember(directory: string): Promise<Storage> {
  const who = { directory, clusterId, memberId, reserveBytes: 0 };
  await initStorage({ ...who, configuration });
  return openStorage(who);
}

/**
 * The storage rightly keeps its database to itself, so the filled state is opened here as the storage opens it, and the log is that of
 * another member of this process: the thread, the disk and the event loop are the same.
 */
async function duringCompaction(state: string, other: string, rows: CompactionRow[]): Promise<number> {
  const storage = await newMember(other);
  const level = new ClassicLevel<Uint8Array, Uint8Array>(state, { keyEncoding: 'view', ...stateOptions });
  try {
    await level.open();
    const batches = new LogBatches(storage.log);
    await batches.measureWhile(once());
    const beganMs = performance.now();
    let compacting = true;
    const compaction = level.compactRange(new Uint8Array(), endOfKeys).finally(() => {
      compacting = false;
    });
    for (const times of await batches.measureWhile(() => compacting))
      rows.push({ beside: 'full compaction', ...times });
    await compaction;
    return (performance.now() - beganMs) / 1_000;
  } finally {
    await level.close();
    await storage.close();
  }
}

const settledMs = 500;
const maxSettleMs = 20_000;

/** What the fill left to LevelDB to compact is done when no file of the state comes or goes any more. */
async function settled(state: string): Promise<void> {
  const untilMs = performance.now() + maxSettleMs;
  for (let before = ''; performance.now() < untilMs; ) {
    const now = readdirSync(state).toSorted().join();
    if (now === before) return;
    before = now;
    await setTimeout(settledMs);
  }
}

function once(): () => boolean {
  let left = 1;
  return () => left-- > 0;
}

function forSeconds(seconds: number): () => boolean {
  const endMs = performance.now() + seconds * 1_000;
  return () => performance.now() < endMs;
}

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, file) => sum + statSync(join(directory, file)).size, 0);
}

export function compactionText(report: CompactionReport): string {
  const { checkpointRecordsPerSecond, compactionSeconds, fileSystem, fillSeconds, keys, rows, stateBytes } = report;
  const head = ['beside', 'entries', 'batches', 'p50 ms', 'p99 ms', 'max ms'];
  const body = rows.map(({ batches, beside, entries, maxMs, p50Ms, p99Ms }) => [
    beside,
    String(entries),
    String(batches),
    shown(p50Ms),
    shown(p99Ms),
    shown(maxMs),
  ]);
  return [
    `file system ${fileSystem}; a state of ${keys} keys, ${shown(stateBytes / mib)} MiB, filled in ${shown(fillSeconds)} s`,
    'one synced batch of the log of entries of 300 bytes, batches of both sizes in turn, back to back:',
    '',
    table(head, body),
    '',
    `checkpoints: ${shown(checkpointRecordsPerSecond)} records/s; the full compaction took ${shown(compactionSeconds)} s`,
    verdict(rows),
  ].join('\n');
}
