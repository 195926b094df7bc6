// How fast a large state goes from one member to another, and what the log pays for it: the numbers in docs/durability.md.
//
//     node --import tsx --conditions=conclave-source testing/measure.ts fill DIRECTORY [KEYS]      some 30 s
//     node --import tsx --conditions=conclave-source testing/measure.ts run DIRECTORY              some 30 s, on a machine with nothing else to do
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { bytes, entry, founders, job, member, position } from '../src/conformance/entries.ts';
import { initStorage } from '../src/init.ts';
import { openStorage } from '../src/open.ts';
import type { SnapshotExport, Storage } from '../src/storage.ts';

const valueBytes = 256;
const recordsPerCheckpoint = 20_000;
const entryBytes = 280;
const secondsAlone = 6;

const [command, directory, keys = '1000000'] = argv.slice(2) as [string, string, string?];

async function storageAt(name: string): Promise<Storage> {
  const options = { directory: join(directory, name), clusterId: 'measure', memberId: member(1), reserveBytes: 0 };
  return openStorage(options);
}

async function create(name: string): Promise<Storage> {
  await rm(join(directory, name), { recursive: true, force: true });
  const options = { directory: join(directory, name), clusterId: 'measure', memberId: member(1), reserveBytes: 0 };
  await initStorage({ ...options, configuration: founders });
  return openStorage(options);
}

async function fill(count: number): Promise<void> {
  const storage = await create('source');
  await storage.log.persist([job({ term: 1, commit: 1, entries: [entry(1, 1)] })]);
  for (let from = 0; from < count; from += recordsPerCheckpoint) {
    const changes = Array.from({ length: Math.min(recordsPerCheckpoint, count - from) }, (_, at) => {
      // Written in another order than that of the keys, as by clients.
      const number = ((from + at) * 7_919) % count;
      const value = new Uint8Array(valueBytes).map((__, byte) => (number * 31 + byte * 17) & 0xff);
      return { key: bytes(`key/${String(number).padStart(12, '0')}`), value };
    });
    await storage.state.checkpoint({ position: position(1, 1), configuration: founders, digest: bytes(''), changes });
  }
  await storage.close();
}

/** One batch after the other until told to stop. */
async function appendUntil(storage: Storage, stop: () => boolean): Promise<number[]> {
  const timesMs: number[] = [];
  while (!stop()) {
    const began = performance.now();
    await storage.log.persist([job({ term: 1, entries: [entry(storage.log.tail + 1, 1, entryBytes)] })]);
    timesMs.push(performance.now() - began);
  }
  return timesMs;
}

async function appendFor(storage: Storage, seconds: number): Promise<number[]> {
  const end = performance.now() + seconds * 1000;
  return appendUntil(storage, () => performance.now() > end);
}

async function throughput(exported: SnapshotExport, take: (chunk: Uint8Array) => Promise<void>): Promise<string> {
  const began = performance.now();
  let total = 0;
  let chunks = 0;
  for await (const chunk of exported.chunks()) {
    await take(chunk);
    total += chunk.length;
    chunks++;
  }
  const seconds = (performance.now() - began) / 1000;
  return `${(total / 1e6).toFixed(0)} MB in ${chunks} chunks, ${seconds.toFixed(1)} s: ${(total / 1e6 / seconds).toFixed(0)} MB/s`;
}

function say(what: string, timesMs: readonly number[]): void {
  const sorted = timesMs.toSorted((a, b) => a - b);
  const at = (part: number): string =>
    sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!.toFixed(1);
  stdout.write(`${what}: ${sorted.length} log batches, p50 ${at(0.5)}, p99 ${at(0.99)}, worst ${at(1)} ms\n`);
}

async function beside(storage: Storage, what: string, work: Promise<string>): Promise<void> {
  let done = false;
  const appended = appendUntil(storage, () => done);
  const text = await work;
  done = true;
  stdout.write(`${what}: ${text}\n`);
  say(what, await appended);
}

async function run(): Promise<void> {
  const source = await storageAt('source');
  const receiver = await create('receiver');
  say('alone', await appendFor(receiver, secondsAlone));
  const exported = await source.snapshots.export();
  stdout.write(`export alone: ${await throughput(exported, async () => undefined)}\n`);
  await beside(
    receiver,
    'export beside the log',
    throughput(exported, async () => undefined),
  );
  const received = async (): Promise<string> => {
    const staging = await receiver.snapshots.stage(exported.meta);
    const text = await throughput(exported, async (chunk) => staging.write(chunk));
    const began = performance.now();
    await staging.finish();
    return `${text}, finish ${(performance.now() - began).toFixed(0)} ms`;
  };
  await beside(receiver, 'export and import beside the log', received());
  const throttled = async (): Promise<string> => {
    const staging = await receiver.snapshots.stage(exported.meta);
    return throughput(exported, async (chunk) => {
      await staging.write(chunk);
      await new Promise((resolve) => setTimeout(resolve, 10));
    });
  };
  await beside(receiver, 'the same, with a pause of 10 ms behind each chunk', throttled());
  await source.close();
  await receiver.close();
}

if (command === 'fill') await fill(Number(keys));
else await run();
