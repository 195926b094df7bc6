import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { isErrno } from './errno.ts';
import { isStateName, type Layout } from './layout.ts';

/** What is in a place before anything is done to it. */
export type Survey =
  | { readonly kind: 'absent' }
  | { readonly kind: 'empty' }
  /** An initialisation began and did not end; nothing in it was ever relied on. */
  | { readonly kind: 'interrupted' }
  /** A restore began and did not end: whoever runs here expects data that are not here. */
  | { readonly kind: 'half-restored' }
  | { readonly kind: 'initialised' }
  /** Parts of a member without its member file: someone removed it, or the disk did. */
  | { readonly kind: 'headless'; readonly found: readonly string[] }
  | { readonly kind: 'foreign'; readonly found: readonly string[] };

/** What mkfs leaves at the top of a file system that serves as a data directory. */
const harmless = new Set(['lost+found']);

export async function survey(layout: Layout): Promise<Survey> {
  const found = await listing(layout.directory);
  if (found === null) return { kind: 'absent' };
  if (found.includes(basename(layout.memberFile))) return { kind: 'initialised' };
  if (found.includes(basename(layout.restoring))) return { kind: 'half-restored' };
  if (found.includes(basename(layout.initialising))) return { kind: 'interrupted' };
  if (found.length === 0) return { kind: 'empty' };
  const parts = new Set(['log', basename(layout.anchor)]);
  return { kind: found.some((name) => isStateName(name) || parts.has(name)) ? 'headless' : 'foreign', found };
}

async function listing(directory: string): Promise<string[] | null> {
  try {
    return (await readdir(directory)).filter((name) => !harmless.has(name)).toSorted();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
