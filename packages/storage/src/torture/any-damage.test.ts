// Any one damage to any one file: the storage refuses, or everything is as it was written. Never a smaller log, a wrong value, a
// missing key, or a process that LevelDB ends.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Entry } from '@conclave/core';
import * as fc from 'fast-check';
import { bytes, entries, founders, index, job, plain, position, text } from '../conformance/entries.ts';
import type { Storage } from '../storage.ts';
import { StorageError } from '../storage-error.ts';
import { killedCopy, newDirectory, reopen } from './directories.ts';

const lives = 3;
const jobsPerLife = 40;

interface Written {
  readonly directory: string;
  readonly files: readonly string[];
  readonly log: readonly Entry[];
  readonly values: ReadonlyMap<string, Buffer>;
  readonly applied: number;
}

/** A member that was restarted a few times and then killed: several tables, and logs with something in them. */
async function killedMember(context: TestContext): Promise<Written> {
  const directory = await newDirectory(context);
  const log: Entry[] = [];
  const values = new Map<string, Buffer>();
  let killed = directory;
  for (let life = 1; life <= lives; life++) {
    const storage = await reopen(directory);
    for (let at = 0; at < jobsPerLife; at++) {
      const added = entries(log.length + 1, log.length + 1 + (at % 4), life, 100 + at * 20);
      await storage.log.persist([job({ term: life, commit: log.length, entries: added })]);
      log.push(...added);
    }
    const changes = Array.from({ length: 30 }, (_, at) => ({
      key: bytes(`${life}/${at}`),
      value: randomBytes(100 + at * 10),
    }));
    for (const { key, value } of changes) values.set(text(key)!, value);
    const at = position(log.length - 1, life);
    await storage.state.checkpoint({ position: at, configuration: founders, digest: bytes(`${life}`), changes });
    if (life === lives) killed = await killedCopy(directory);
    await storage.close();
  }
  return { directory: killed, files: await filesOf(killed), log, values, applied: log.length - 1 };
}

/** Those that matter: LOG is LevelDB's diary, LOCK is empty. */
async function filesOf(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true });
  const found: string[] = [];
  for (const name of names) {
    const { size } = await stat(join(directory, name));
    if (size > 0 && /member\.json|anchor|CURRENT|MANIFEST|\.log|\.ldb/.test(name)) found.push(name);
  }
  return found.toSorted();
}

type Damage = (file: Buffer, at: number, length: number) => Buffer;

const damages: Readonly<Record<string, Damage>> = {
  flip: (file, at, length) => {
    file[at]! ^= 1 << (length % 8);
    return file;
  },
  cut: (file, at) => file.subarray(0, at),
  zero: (file, at, length) => file.fill(0, at, Math.min(file.length, at + length)),
  splice: (file, at, length) => Buffer.concat([file.subarray(0, at), file.subarray(at + length)]),
  repeat: (file, at, length) => Buffer.concat([file.subarray(0, at), file.subarray(Math.max(0, at - length))]),
};

test('any one damage to any one file is refused, or nothing is lost', async (context) => {
  const written = await killedMember(context);
  const broken = `${written.directory}-broken`;
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const damage = fc.tuple(
    fc.constantFrom(...written.files),
    fc.constantFrom(...Object.keys(damages)),
    place,
    fc.integer({ min: 1, max: 5000 }),
  );
  await fc.assert(
    fc.asyncProperty(damage, async ([name, kind, where, length]) => {
      await rm(broken, { recursive: true, force: true });
      await cp(written.directory, broken, { recursive: true });
      const file = await readFile(join(broken, name));
      await writeFile(join(broken, name), damages[kind]!(file, Math.floor(where * file.length), length));
      const opened = await reopen(broken).catch((error: unknown) => error);
      if (opened instanceof Error) {
        assert.ok(opened instanceof StorageError && opened.code !== 'unusable', String(opened));
        return;
      }
      const storage = opened as Storage;
      try {
        await assertWhole(storage, written);
      } finally {
        await storage.close();
      }
    }),
    { numRuns: 150 },
  );
});

async function assertWhole({ log, state }: Storage, written: Written): Promise<void> {
  assert.deepEqual(plain(await log.read(index(1), log.tail, Number.MAX_SAFE_INTEGER)), written.log);
  // An older state is brought up to date from the log; one that claims to be the newest must be it.
  const newest = state.checkpointed?.position.index === written.applied;
  let records = 0;
  for await (const batch of state.scan()) {
    for (const { key, value } of batch) {
      assert.deepEqual(Buffer.from(value), written.values.get(text(key)!));
      records++;
    }
  }
  if (newest) assert.equal(records, written.values.size);
}
