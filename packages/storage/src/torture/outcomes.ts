// One damage to one file of a data directory, and what an open makes of it. From here comes the table in docs/durability.md.
import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Entry, LogPosition } from '@conclave/core';
import { bytes, entries, entry, founders, index, job, member, plain, position, text } from '../conformance/entries.ts';
import { initStorage } from '../init.ts';
import type { StateStore, Storage } from '../storage.ts';
import { StorageError, type StorageErrorCode } from '../storage-error.ts';
import { identity, killedCopy, newestFile, reopen, temporaryPlace } from './directories.ts';

/** What came of an open. There is no third thing: everything else fails the test that makes the table. */
export type Outcome =
  | StorageErrorCode
  /** It opened, and whoever loads the state is refused. */
  | 'corrupt when loaded'
  /** It opened, and log and state are as they were written. */
  | 'whole'
  /** It opened with an older checkpoint, from which the log brings it up to date; the log is as it was written. */
  | 'replayed';

export const damages = ['cut', 'flipped', 'zeroed', 'deleted', 'of another member', 'of an older copy'] as const;
export type Damage = (typeof damages)[number];

/** A kind of file and where to find the one that counts. */
interface Kind {
  readonly name: string;
  readonly find: (directory: string) => Promise<string>;
}

const state = 'state-1';

export const kinds: readonly Kind[] = [
  ...['log', state].flatMap((folder): Kind[] => [
    { name: `${folder}/CURRENT`, find: async (directory) => join(directory, folder, 'CURRENT') },
    { name: `${folder}/MANIFEST-N`, find: async (directory) => newestFile(join(directory, folder), 'MANIFEST-') },
    { name: `${folder}/N.log`, find: async (directory) => newestFile(join(directory, folder), '.log') },
    { name: `${folder}/N.ldb`, find: async (directory) => newestFile(join(directory, folder), '.ldb') },
    { name: `${folder}/LOG`, find: async (directory) => join(directory, folder, 'LOG') },
    { name: `${folder}/LOCK`, find: async (directory) => join(directory, folder, 'LOCK') },
  ]),
  ...['anchor', 'member.json', 'reserve'].map((name): Kind => ({ name, find: async (at) => join(at, name) })),
];

const reserveBytes = 100_000;
const options = { reserveBytes, lowSpaceBytes: 1 };
const zeroedBytes = 4096;

/** A member that received a snapshot, lived for a while, was restarted, cut its log, and was killed. */
export interface Victim {
  readonly directory: string;
  /** The same, some writes and a restart earlier. */
  readonly older: string;
  /** Another member of the cluster with a directory of the same shape. */
  readonly other: string;
  readonly log: readonly Entry[];
  readonly values: ReadonlyMap<string, string>;
  readonly applied: number;
}

export async function makeVictim(context: TestContext): Promise<Victim> {
  const place = await temporaryPlace(context);
  const source = await memberAt(join(place, 'source'), 3);
  await source.log.persist([job({ term: 1, commit: 20, entries: entries(1, 20, 1) })]);
  await checkpoint(source, 20, 1, 0);
  const exported = await source.snapshots.export();
  const chunks: Uint8Array[] = [];
  for await (const chunk of exported.chunks()) chunks.push(chunk);
  await source.close();
  const lives: string[] = [];
  for (const [name, id] of [
    ['other', 2],
    ['member', 1],
  ] as const) {
    const directory = join(place, name);
    let storage = await memberAt(directory, id);
    const staging = await storage.snapshots.stage(exported.meta);
    for (const chunk of chunks) await staging.write(chunk);
    await staging.finish();
    await storage.log.persist([job({ term: 1, commit: 20, tail: 20, snapshot: exported.meta })]);
    await write(storage, id, 21, 120, position(20, 1));
    await storage.close();
    storage = await reopen(directory, { ...options, memberId: member(id) });
    await write(storage, id, 121, 160, position(100, 1));
    const older = await killedCopy(directory);
    await storage.close();
    storage = await reopen(directory, { ...options, memberId: member(id) });
    await write(storage, id, 161, 260, position(110, 1));
    lives.push(older, await killedCopy(directory));
    await storage.close();
  }
  const [, other, older, directory] = lives as [string, string, string, string];
  const values = new Map([['key 0', valueOf(1, 0)]]);
  for (let at = 30; at <= 260; at += 10) values.set(`key ${at / 10}`, valueOf(1, at));
  return { directory, older, other, log: entries(111, 260, 1, 700), values, applied: 259 };
}

async function memberAt(directory: string, id: number): Promise<Storage> {
  await initStorage({
    directory,
    clusterId: identity.clusterId,
    memberId: member(id),
    reserveBytes,
    configuration: founders,
  });
  return reopen(directory, { ...options, memberId: member(id) });
}

/** Entry by entry, with a checkpoint right behind every tenth. */
async function write(storage: Storage, id: number, from: number, to: number, base: LogPosition): Promise<void> {
  for (let at = from; at <= to; at++) {
    await storage.log.persist([job({ term: 1, commit: at - 1, entries: [entry(at, 1, 700)], base })]);
    if (at % 10 === 0) await checkpoint(storage, at - 1, id, at);
  }
}

async function checkpoint(storage: Storage, at: number, id: number, round: number): Promise<void> {
  const key = `key ${round / 10}`;
  await storage.state.checkpoint({
    position: position(at, 1),
    configuration: founders,
    digest: bytes(`${at}`),
    changes: [{ key: bytes(key), value: bytes(valueOf(id, round)) }],
  });
}

/** As long as that of any other member. */
function valueOf(id: number, round: number): string {
  return `${id} at ${round} `.repeat(400);
}

/** What an open makes of each of the damages of this kind to the file; null where the file is empty. */
export async function outcomesOf(victim: Victim, kind: Kind, damage: Damage): Promise<readonly Outcome[] | null> {
  const file = await kind.find(victim.directory);
  const { size } = await stat(file);
  if (size === 0 && (damage === 'cut' || damage === 'flipped' || damage === 'zeroed')) return null;
  const outcomes: Outcome[] = [];
  for (const damaged of await variants(victim, kind, damage, file, size)) {
    const broken = `${victim.directory}-broken`;
    await rm(broken, { recursive: true, force: true });
    await cp(victim.directory, broken, { recursive: true });
    const place = join(broken, file.slice(victim.directory.length));
    if (damaged === null) await rm(place);
    else await writeFile(place, damaged);
    outcomes.push(await outcomeOf(broken, victim, `${kind.name} ${damage}`));
  }
  return outcomes;
}

/** At the beginning, in the middle and at the end, where that makes a difference. Null stands for no file. */
async function variants(
  victim: Victim,
  kind: Kind,
  damage: Damage,
  file: string,
  size: number,
): Promise<readonly (Buffer | null)[]> {
  const whole = await readFile(file);
  const middle = Math.floor(size / 2);
  switch (damage) {
    case 'cut':
      return [0, middle, size - 1].map((to) => whole.subarray(0, to));
    case 'flipped':
      return [0, middle, size - 1].map((at) => {
        const flipped = Buffer.from(whole);
        flipped[at]! ^= 0x55;
        return flipped;
      });
    case 'zeroed':
      return [0, middle, Math.max(0, size - zeroedBytes)].map((at) =>
        Buffer.from(whole).fill(0, at, Math.min(size, at + zeroedBytes)),
      );
    case 'deleted':
      return [null];
    case 'of another member':
      return [await readFile(await kind.find(victim.other))];
    case 'of an older copy':
      return [await readFile(await kind.find(victim.older))];
  }
}

/** Throws when it opens with anything missing or wrong, or refuses once and then opens. */
async function outcomeOf(directory: string, victim: Victim, what: string): Promise<Outcome> {
  const opened = await reopen(directory, options).catch((error: unknown) => error);
  if (opened instanceof Error) {
    assert.ok(opened instanceof StorageError, `${what}: ${String(opened)}`);
    const again: unknown = await reopen(directory, options).then(
      async (storage) => storage.close(),
      (error: unknown) => error,
    );
    assert.ok(again instanceof StorageError, `${what} was refused once, and then opened`);
    return opened.code;
  }
  const storage = opened as Storage;
  try {
    const { log, state: store } = storage;
    assert.deepEqual(plain(await log.read(index(111), log.tail, 1e9)), victim.log, what);
    const at = store.checkpointed?.position.index ?? 0;
    if (at < victim.applied) {
      assert.ok(at >= log.recovered.base.index, what);
      return 'replayed';
    }
    const found = await contentOf(store).catch((error: unknown) => error);
    if (found instanceof StorageError && found.code === 'corrupt') return 'corrupt when loaded';
    assert.ok(found instanceof Map, String(found));
    assert.deepEqual(found, victim.values, what);
    return 'whole';
  } finally {
    await storage.close();
  }
}

async function contentOf(store: StateStore): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const batch of store.scan()) for (const { key, value } of batch) found.set(text(key)!, text(value)!);
  return found;
}

/** Whether the test that makes the table left no kind of file out. */
export async function unknownFiles(victim: Victim): Promise<string[]> {
  const known = new Set(kinds.map(({ name }) => name));
  const names = await readdir(victim.directory, { recursive: true });
  const found: string[] = [];
  for (const name of names) {
    if ((await stat(join(victim.directory, name))).isDirectory()) continue;
    const folder = dirname(name);
    const kind = basename(name)
      .replace(/^MANIFEST-\d+$/, 'MANIFEST-N')
      .replace(/^\d+\.(log|ldb)$/, 'N.$1')
      .replace('LOG.old', 'LOG');
    if (!known.has(folder === '.' ? kind : `${folder}/${kind}`)) found.push(name);
  }
  return found;
}
