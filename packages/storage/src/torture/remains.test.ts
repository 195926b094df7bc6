// What a truncation in front and a snapshot leave behind, in the database and in the directory.
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { SnapshotMeta } from '@conclave/core';
import { ClassicLevel } from 'classic-level';
import { sweptRecordsPerBatch } from '../bounds.ts';
import { bytes, entries, entry, founders, index, job, plain, position, text } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { firstOfKey } from '../log/keys.ts';
import type { Storage } from '../storage.ts';
import { identity, killedCopy, newDirectory, reopen } from './directories.ts';

/** Where each record begins that the database still holds. */
async function storedRecords(directory: string): Promise<number[]> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(join(directory, 'log'), { keyEncoding: 'buffer' });
  const keys = await level.keys().all();
  await level.close();
  return keys.map(firstOfKey).filter((first) => first !== null);
}

async function checkpoint(storage: Storage, at: number, value: string): Promise<void> {
  await storage.state.checkpoint({
    position: position(at, 1),
    configuration: founders,
    digest: bytes(''),
    changes: [{ key: bytes('key'), value: bytes(value) }],
  });
}

test('records in front of the base are deleted along with later batches, so many at a time, also after a crash', async (context) => {
  const directory = await newDirectory(context);
  let storage = await reopen(directory);
  const count = 3 * sweptRecordsPerBatch;
  for (let at = 1; at <= count; at++)
    await storage.log.persist([job({ term: 1, commit: at, entries: [entry(at, 1)] })]);
  await checkpoint(storage, count, '');
  const base = position(count - 2, 1);
  await storage.log.persist([job({ term: 1, commit: count, tail: count, base })]);
  const killed = await killedCopy(directory);
  await storage.close();
  const remains = Array.from({ length: count - sweptRecordsPerBatch }, (_, at) => sweptRecordsPerBatch + 1 + at);
  assert.deepEqual(await storedRecords(directory), remains);

  storage = await reopen(killed);
  for (let at = count + 1; at <= count + 2; at++) {
    await storage.log.persist([job({ term: 1, commit: count, entries: [entry(at, 1)], base })]);
  }
  await storage.close();
  assert.deepEqual(await storedRecords(killed), [count - 1, count, count + 1, count + 2]);
});

test("a damaged record in front of the base is nobody's loss, and a missing one behind it is", async (context) => {
  const directory = await newDirectory(context);
  let storage = await reopen(directory);
  for (let at = 1; at <= 200; at++) await storage.log.persist([job({ term: 1, commit: at, entries: [entry(at, 1)] })]);
  await checkpoint(storage, 200, '');
  await storage.log.persist([job({ term: 1, commit: 200, tail: 200, base: position(198, 1) })]);
  await storage.close();
  const level = new ClassicLevel<Uint8Array, Uint8Array>(join(directory, 'log'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
  });
  const keys = (await level.keys().all()).filter((key) => firstOfKey(key) !== null);
  assert.ok(keys.length > 3);
  await level.put(keys[0]!, Buffer.from('not a record'));
  await level.del(keys[1]!);
  await level.close();
  storage = await reopen(directory);
  assert.deepEqual(plain(await storage.log.read(index(199), index(200), 1e6)), entries(199, 200, 1));
  await storage.close();
  await level.open();
  await level.del(keys.at(-2)!);
  await level.close();
  await assert.rejects(reopen(directory), refusedAs('corrupt'));
});

/** A snapshot of another member, at entry 20. */
async function otherMember(context: TestContext): Promise<{ chunks: Uint8Array[]; meta: SnapshotMeta }> {
  const directory = await newDirectory(context);
  const storage = await reopen(directory);
  await storage.log.persist([job({ term: 1, commit: 20, entries: entries(1, 20, 1) })]);
  await checkpoint(storage, 20, 'new');
  const exported = await storage.snapshots.export();
  const chunks: Uint8Array[] = [];
  for await (const chunk of exported.chunks()) chunks.push(chunk);
  await storage.close();
  return { chunks, meta: exported.meta };
}

async function behind(context: TestContext): Promise<string> {
  const directory = await newDirectory(context);
  const storage = await reopen(directory);
  await storage.log.persist([job({ term: 1, commit: 5, entries: entries(1, 5, 1) })]);
  await checkpoint(storage, 3, 'old');
  await storage.close();
  return directory;
}

async function assertState(directory: string, value: string, generation: string): Promise<Storage> {
  const storage = await reopen(directory);
  assert.equal(text(storage.state.get(bytes('key'))), value);
  const names = (await readdir(directory)).filter((name) => name.startsWith('state'));
  assert.deepEqual(names, [generation]);
  return storage;
}

test('a crash at any step of a snapshot leaves the old state or the new one, and nothing else', async (context) => {
  const { chunks, meta } = await otherMember(context);
  const directory = await behind(context);
  const storage = await reopen(directory);
  const steps: [string, string, string][] = [];
  const crash = async (value: string, generation: string): Promise<void> => {
    steps.push([await killedCopy(directory), value, generation]);
  };
  const staging = await storage.snapshots.stage(meta);
  await crash('old', 'state');
  for (const chunk of chunks) {
    await staging.write(chunk);
    await crash('old', 'state');
  }
  await staging.finish();
  await crash('old', 'state');
  const old = `${directory}-old`;
  await cp(join(directory, 'state'), old, { recursive: true });
  await storage.log.persist([job({ term: 1, commit: 20, tail: 20, snapshot: meta })]);
  while ((await readdir(directory)).includes('state')) await setImmediate();
  await crash('new', 'state-1');
  await storage.close();
  // The old generation is removed behind the switch; here the crash came before that.
  const between = await killedCopy(directory);
  await rm(join(between, 'state'), { recursive: true, force: true });
  await cp(old, join(between, 'state'), { recursive: true });
  steps.push([between, 'new', 'state-1']);
  for (const [place, value, generation] of steps) {
    const again = await assertState(place, value, generation);
    // Only where nothing was under way there is nothing to note.
    assert.equal(again.notes.length > 0, place !== steps.at(-2)![0], again.notes.join());
    const base = value === 'new' ? position(20, 1) : position(0, 0);
    const tail = again.log.tail;
    await again.log.persist([job({ term: 1, commit: tail, entries: [entry(tail + 1, 1)], base })]);
    await again.close();
    await (await assertState(place, value, generation)).close();
  }
});

test('the state that the log names is missing or another one: refused, and what is there is not touched', async (context) => {
  const { chunks, meta } = await otherMember(context);
  const directory = await behind(context);
  let storage = await reopen(directory);
  const older = await killedCopy(directory);
  const staging = await storage.snapshots.stage(meta);
  for (const chunk of chunks) await staging.write(chunk);
  await staging.finish();
  await storage.log.persist([job({ term: 1, commit: 20, tail: 20, snapshot: meta })]);
  await storage.close();

  const states = async (): Promise<string[]> => (await readdir(directory)).filter((name) => name.startsWith('state'));
  await rename(join(directory, 'state-1'), join(directory, 'state-2'));
  await assert.rejects(reopen(directory), refusedAs('corrupt'));
  await mkdir(join(directory, 'state-1'));
  await assert.rejects(reopen(directory), refusedAs('corrupt'));
  await rm(join(directory, 'state-1'), { recursive: true });
  await cp(join(older, 'state'), join(directory, 'state-1'), { recursive: true });
  await assert.rejects(reopen(directory), /of generation 0, and the log expects 1/);
  assert.deepEqual(await states(), ['state-1', 'state-2']);

  // An old log beside the newer state: what looks like an unfinished snapshot is the only good copy.
  await rm(join(directory, 'state-1'), { recursive: true });
  await rename(join(directory, 'state-2'), join(directory, 'state-1'));
  await rename(join(directory, 'log'), `${directory}-log`);
  await cp(join(older, 'log'), join(directory, 'log'), { recursive: true });
  await cp(join(older, 'state'), join(directory, 'state'), { recursive: true });
  await assert.rejects(reopen(directory), refusedAs('lost-acknowledged'));
  assert.deepEqual(await states(), ['state', 'state-1']);
  await rm(join(directory, 'log'), { recursive: true });
  await rename(`${directory}-log`, join(directory, 'log'));
  storage = await assertState(directory, 'new', 'state-1');
  await storage.close();
});

test('a snapshot of another cluster is refused', async (context) => {
  const { chunks, meta } = await otherMember(context);
  const directory = await newDirectory(context, { ...identity, clusterId: 'other' });
  const storage = await reopen(directory, { clusterId: 'other' });
  const staging = await storage.snapshots.stage(meta);
  await assert.rejects(staging.write(chunks[0]!), refusedAs('bad-chunk'));
  await storage.close();
});
