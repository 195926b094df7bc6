// Data directories for the tests that damage them.
import { cp, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { founders, member } from '../conformance/entries.ts';
import { initStorage } from '../init.ts';
import { type OpenOptions, openStorage } from '../open.ts';
import type { Identity, Storage } from '../storage.ts';

export const identity: Identity = { clusterId: 'torture', memberId: member(1) };

/** An empty place that goes away with the test. */
export async function temporaryPlace(context: TestContext): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'conclave-torture-'));
  context.after(async () => rm(place, { recursive: true, force: true }));
  return place;
}

/** A new member's directory, closed. */
export async function newDirectory(context: TestContext, who: Identity = identity): Promise<string> {
  const directory = join(await temporaryPlace(context), 'member');
  await initStorage({ directory, ...who, reserveBytes: 0, configuration: founders });
  return directory;
}

export async function reopen(directory: string, options: Partial<OpenOptions> = {}): Promise<Storage> {
  return openStorage({ directory, ...identity, reserveBytes: 0, ...options });
}

/**
 * The directory as kill -9 at this moment leaves it: a copy beside it, while the storage runs. Nothing is flushed, so LevelDB's logs
 * hold what was written since the open.
 */
export async function killedCopy(directory: string): Promise<string> {
  const copy = `${directory}-killed-${copies++}`;
  await cp(directory, copy, { recursive: true });
  return copy;
}
let copies = 0;

/** The newest file of a kind that is not empty: `.log`, `.ldb`, `MANIFEST-`. */
export async function newestFile(folder: string, kind: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.includes(kind)).toSorted();
  for (const name of names.toReversed()) {
    if ((await stat(join(folder, name))).size > 0) return join(folder, name);
  }
  throw new Error(`${folder} holds no ${kind} with anything in it`);
}

/** In place, as bit rot does it: a process that has the file mapped sees it. */
export async function flipByte(file: string, at: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const place = at < 0 ? (await handle.stat()).size + at : at;
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, place);
    byte[0]! ^= 0x55;
    await handle.write(byte, 0, 1, place);
  } finally {
    await handle.close();
  }
}
