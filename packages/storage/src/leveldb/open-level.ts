// Opening and closing LevelDB under the rules of DESIGN §5: nothing is created by accident, nothing is opened unseen.
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { isErrno } from '../directory/errno.ts';
import { reasonOf } from '../poison.ts';
import { StorageError } from '../storage-error.ts';
import { asStorageError } from './failure.ts';
import { type Inspection, inspectLevel } from './inspect.ts';

export type Level = ClassicLevel<Uint8Array, Uint8Array>;

export interface LevelOptions {
  readonly directory: string;
  /** How the directory is called in messages: `log`, `state`. */
  readonly name: string;
  readonly writeBufferBytes: number;
  readonly cacheBytes: number;
}

/** Refuses a database that is damaged, after `refuseLocked`. Changes nothing of it, so what it finds can be found again. */
export async function examineLevel(options: LevelOptions, witness: Buffer): Promise<Inspection> {
  const inspection = await inspectLevel(options.directory, options.name, witness);
  if (inspection.damage === null) return inspection;
  // A process that began to write since would explain missing files; a live writer never damages what is there.
  await refuseLocked(options);
  throw new StorageError('corrupt', `The database is damaged: ${inspection.damage}`);
}

/** Opens an existing database after `examineLevel`, whose finding it compares with what LevelDB says that it dropped. */
export async function openLevel(options: LevelOptions, { torn }: Inspection): Promise<Level> {
  const level = newLevel(options);
  await open(level, options, { createIfMissing: false, errorIfExists: false });
  // Of an unfinished batch LevelDB complains or not, as its pieces happen to lie.
  const complaint = torn === null ? await firstComplaint(options) : null;
  if (complaint === null) return level;
  await level.close();
  throw new StorageError('corrupt', `LevelDB dropped something while it opened ${options.name}/: "${complaint}"`);
}

/** Creates a database where none is. */
export async function createLevel(options: LevelOptions): Promise<Level> {
  const level = newLevel(options);
  await open(level, options, { createIfMissing: true, errorIfExists: true });
  return level;
}

/**
 * Asks for the lock without opening: with `errorIfExists` LevelDB takes the lock, sees that the database exists, and gives up
 * before it reads a log (db_impl.cc, DBImpl::Recover). Without this a live writer could look like a damaged directory.
 */
export async function refuseLocked(options: LevelOptions): Promise<void> {
  try {
    await access(options.directory);
  } catch (error) {
    // LevelDB would create it, and we create nothing here.
    if (isErrno(error, 'ENOENT')) throw new StorageError('corrupt', `The directory ${options.name}/ is missing`);
    throw error;
  }
  const probe = newLevel(options);
  try {
    await probe.open({ createIfMissing: false, errorIfExists: true });
  } catch (error) {
    if (isLocked(error)) throw lockedError(options, error);
    return;
  }
  await probe.close();
}

function newLevel(options: LevelOptions): Level {
  return new ClassicLevel<Uint8Array, Uint8Array>(options.directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    createIfMissing: false,
    // Tables are verified block by block before LevelDB opens them (table.ts); etcd does not compress either.
    compression: false,
    writeBufferSize: options.writeBufferBytes,
    cacheSize: options.cacheBytes,
  });
}

async function open(
  level: Level,
  options: LevelOptions,
  how: { readonly createIfMissing: boolean; readonly errorIfExists: boolean },
): Promise<void> {
  try {
    await level.open(how);
  } catch (error) {
    if (isLocked(error)) throw lockedError(options, error);
    const failure = asStorageError(error, `LevelDB cannot open ${options.name}/`);
    // It was there a moment ago, and LevelDB says that it is not a database.
    if (failure.code !== 'closed') throw failure;
    throw new StorageError('corrupt', `LevelDB cannot open ${options.name}/: ${reasonOf(error)}`, { cause: error });
  }
}

/** LevelDB's LOG is begun anew at every open, so all of it is about this one. */
async function firstComplaint(options: LevelOptions): Promise<string | null> {
  const text = await readFile(join(options.directory, 'LOG'), 'latin1');
  return text.split('\n').find((line) => /dropping|ignoring error|corruption/i.test(line)) ?? null;
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && isErrno(error.cause, 'LEVEL_LOCKED');
}

function lockedError(options: LevelOptions, cause: unknown): StorageError {
  return new StorageError('locked', `The directory ${options.directory} is in use`, { cause });
}
