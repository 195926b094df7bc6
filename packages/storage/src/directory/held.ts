// LevelDB's lock keeps other processes out, but it must never be tried twice by one process: the second attempt closes a descriptor
// of LOCK, and with it goes the POSIX lock of the first (measured; env_posix.cc, LockFile). So this process keeps its own list. It
// is one per thread: worker threads must not open one directory twice.
import { realpath } from 'node:fs/promises';
import { StorageError } from '../storage-error.ts';

const held = new Set<string>();

/** Returns how to let go of it. Rejects with `locked`. The directory must exist. */
export async function holdDirectory(directory: string): Promise<() => void> {
  const path = await realpath(directory);
  if (held.has(path)) throw new StorageError('locked', `This process has ${path} open already`);
  held.add(path);
  return () => held.delete(path);
}
