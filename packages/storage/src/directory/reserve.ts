// A file that only takes up room. LevelDB cannot even open on a full disk, because an open rewrites the logs into tables; then the
// reserve is given up, and filled again when there is room (study/reliability.md §0, 2).
import { randomFillSync } from 'node:crypto';
import { open, rm, stat, statfs } from 'node:fs/promises';
import { isErrno } from './errno.ts';

const chunkBytes = 1024 * 1024;
const fileMode = 0o600;

/** What is left for a process without privileges, on the file system of `directory`. */
export async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

export async function reserveIntact(path: string, bytes: number): Promise<boolean> {
  if (bytes === 0) return true;
  try {
    return (await stat(path)).size >= bytes;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Returns false, leaving nothing, when the disk has no room for it. */
export async function fillReserve(path: string, bytes: number): Promise<boolean> {
  if (bytes === 0) return true;
  // Random, because file systems that compress store zeros in no room at all.
  const chunk = randomFillSync(Buffer.alloc(Math.min(chunkBytes, bytes)));
  const file = await open(path, 'w', fileMode);
  try {
    for (let left = bytes; left > 0; left -= chunk.length) {
      await file.writeFile(left < chunk.length ? chunk.subarray(0, left) : chunk);
    }
    await file.sync();
  } catch (error) {
    await dropReserve(path);
    if (isErrno(error, 'ENOSPC') || isErrno(error, 'EDQUOT')) return false;
    throw error;
  } finally {
    await file.close();
  }
  return true;
}

export async function dropReserve(path: string): Promise<void> {
  await rm(path, { force: true });
}
