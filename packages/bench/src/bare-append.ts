import { closeSync, fdatasync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ClassicLevel } from 'classic-level';
import { percentile } from './statistics.ts';

/** As one put of 256 bytes takes in the log, about. */
const recordBytes = 300;

export interface AppendTimes {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface BareAppend {
  /** One record appended to a plain file, and fdatasync. What no durable write can be faster than. */
  readonly file: AppendTimes;
  /** One record put into LevelDB with `sync: true`. */
  readonly level: AppendTimes;
}

/** One after the other, each for about so long. */
export async function measureBareAppend(directory: string, seconds: number): Promise<BareAppend> {
  return { file: await appendToFile(directory, seconds), level: await putIntoLevel(directory, seconds) };
}

const sync = promisify(fdatasync);

async function appendToFile(directory: string, seconds: number): Promise<AppendTimes> {
  const file = openSync(join(directory, 'bare-append'), 'a');
  const record = Buffer.alloc(recordBytes, 'r');
  try {
    // Through the thread pool, as a member does it: a sync must not stop its event loop.
    return await timed(seconds, async () => {
      writeSync(file, record);
      await sync(file);
    });
  } finally {
    closeSync(file);
  }
}

async function putIntoLevel(directory: string, seconds: number): Promise<AppendTimes> {
  const level = new ClassicLevel<string, Uint8Array>(join(directory, 'bare-level'), { valueEncoding: 'view' });
  await level.open();
  const record = new Uint8Array(recordBytes).fill(0x72);
  let next = 0;
  try {
    return await timed(seconds, async () => level.put(String(next++).padStart(12, '0'), record, { sync: true }));
  } finally {
    await level.close();
  }
}

async function timed(seconds: number, append: () => Promise<void>): Promise<AppendTimes> {
  const timesMs: number[] = [];
  const endMs = performance.now() + seconds * 1_000;
  for (let nowMs = performance.now(); nowMs < endMs; ) {
    await append();
    const thenMs = nowMs;
    nowMs = performance.now();
    timesMs.push(nowMs - thenMs);
  }
  return { p50Ms: percentile(timesMs, 50), p99Ms: percentile(timesMs, 99) };
}
