// Looking at a member's directory without touching it. LevelDB cannot open without writing: it rewrites its logs into tables, begins a new
// MANIFEST, and so destroys the very evidence that somebody may want to look at again.
import { constants } from 'node:fs';
import { access, copyFile, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { refuseLocked } from '../leveldb/open-level.ts';
import { StorageError } from '../storage-error.ts';
import { isErrno } from './errno.ts';
import { holdDirectory } from './held.ts';
import { isStateName, layoutOf } from './layout.ts';
import { directoryMode } from './mode.ts';

/** A directory that opens like the one it stands for, and whatever is written there is written beside it. */
export interface Shadow extends AsyncDisposable {
  readonly directory: string;
  /** The same error, with the directory's own name in it. */
  explain(error: unknown): unknown;
}

/**
 * Tables, which LevelDB never changes, are links; what it writes into is copied: about 100 MB at most, into the system's directory for temporary
 * files. `LOCK` is a link too, so that whoever opens the shadow has the lock of the original, and is refused while a member runs on it.
 * Rejects with `locked` when this process has it open.
 */
export async function shadowOf(directory: string): Promise<Shadow> {
  const original = resolve(directory);
  const release = await holdDirectory(original);
  let place: string | null = null;
  try {
    place = await mkdtemp(join(tmpdir(), 'conclave-data-'));
    await refuseRunning(original, place);
    await fill(original, place);
  } catch (error) {
    release();
    if (place !== null) await rm(place, { recursive: true, force: true });
    throw explained(error, place, original);
  }
  const shadow = place;
  return {
    directory: shadow,
    explain: (error) => explained(error, shadow, original),
    [Symbol.asyncDispose]: async () => {
      release();
      await rm(shadow, { recursive: true, force: true });
    },
  };
}

function explained(error: unknown, shadow: string | null, original: string): unknown {
  if (!(error instanceof StorageError) || shadow === null) return error;
  return new StorageError(error.code, error.found.replaceAll(shadow, original), { cause: error.cause });
}

/** Before anything is copied: files that come and go under a running member are no damage. */
async function refuseRunning(original: string, place: string): Promise<void> {
  const [from, to] = [layoutOf(original).log, layoutOf(place).log];
  const lock = join(from.directory, 'LOCK');
  if (!(await exists(lock))) return;
  await mkdir(to.directory, { mode: directoryMode });
  await linkLock(lock, join(to.directory, 'LOCK'));
  await refuseLocked(to);
  await rm(to.directory, { recursive: true });
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

async function fill(original: string, shadow: string): Promise<void> {
  const { anchor, log, memberFile } = layoutOf(original);
  for (const name of await readdir(original)) {
    const [from, to] = [join(original, name), join(shadow, name)];
    if (name === basename(log.directory) || isStateName(name)) await fillDatabase(from, to);
    // The reserve holds nothing. Everything else is small; what is foreign is shown too, so that it is refused in the same words.
    else if ([basename(memberFile), basename(anchor)].includes(name) || name.startsWith('member.json.')) {
      await copyFile(from, to);
    }
  }
}

async function fillDatabase(original: string, shadow: string): Promise<void> {
  await mkdir(shadow, { mode: directoryMode });
  for (const name of await readdir(original)) {
    const [from, to] = [join(original, name), join(shadow, name)];
    if (name === 'LOCK') await linkLock(from, to);
    else if (/\.(ldb|sst)$/.test(name)) await symlink(from, to);
    // LevelDB's diary of earlier opens is of no use to this one.
    else if (!/^LOG(\.old)?$/.test(name)) await copyFile(from, to);
  }
}

/** Where nobody may write nobody can be running either. */
async function linkLock(from: string, to: string): Promise<void> {
  try {
    await access(from, constants.W_OK);
  } catch (error) {
    if (isErrno(error, 'EROFS') || isErrno(error, 'EACCES')) return;
    throw error;
  }
  await symlink(from, to);
}
