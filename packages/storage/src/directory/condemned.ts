import { open, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isErrno } from './errno.ts';
import { type Layout, layoutOf } from './layout.ts';
import { syncDirectory } from './sync-directory.ts';

const fileMode = 0o600;

/** What a peer said of this disk: it has lost what it acknowledged. */
export interface Condemnation {
  /** The member that knows better. */
  readonly by: number;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/**
 * Makes it durable that a member must not vote on this directory any more: every later open refuses with `lost-acknowledged`. The name of the
 * file alone does that, so a full disk, or a crash behind its creation, costs no more than the words in it. Rejects when the verdict is
 * not known to be on the disk.
 */
export async function condemnDirectory(directory: string, { by, atMs }: Condemnation): Promise<void> {
  const layout = layoutOf(resolve(directory));
  const file = await open(layout.condemned, 'w', fileMode);
  try {
    await file.writeFile(`${JSON.stringify({ by, at: new Date(atMs).toISOString() })}\n`);
    await file.sync();
  } finally {
    await file.close();
    await syncDirectory(layout.directory);
  }
}

/** What was said of a directory, in words that name no path, or null. */
export async function condemnationOf({ condemned }: Layout): Promise<string | null> {
  let text: string;
  try {
    text = await readFile(condemned, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
  return `this disk has lost what it acknowledged${sayer(text)}, and must not vote any more (member.json.lost)`;
}

/** Nothing when it cannot be read: what counts is that there is something. */
function sayer(text: string): string {
  const said = /^\{"by":(\d+),"at":"([\d:.TZ-]+)"\}\n$/.exec(text);
  return said === null ? '' : `, as member ${said[1]} said at ${said[2]}`;
}
