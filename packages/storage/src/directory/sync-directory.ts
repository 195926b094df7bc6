import { open } from 'node:fs/promises';

/** Makes creations, renames and deletions in a directory durable. LevelDB itself does so only when it writes a MANIFEST. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
