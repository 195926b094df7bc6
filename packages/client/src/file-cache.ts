// A cache of documents in a file: `@conclave/client/file-cache`. Node only, and for nobody else's eyes: documents may hold what is secret.
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ConfigCache } from './config/cache.ts';
import { ConclaveError } from './error.ts';

/** More than 64 documents of the largest size: whatever is larger was not written by us. */
const maxCacheBytes = 134_217_728;

const mark = 'conclave config cache 1';
let written = 0;

/**
 * Keeps what `config` saves in the file at `path`, one file for each call of `config`. Written beside it, synced and renamed: after a crash there is the old
 * one or the new one. What is damaged is found by a checksum, and refused.
 */
export function fileCache(path: string): ConfigCache {
  return {
    load: async () => load(path),
    save: async (text) => save(path, text),
  };
}

async function load(path: string): Promise<string | null> {
  let content: string;
  try {
    const { size } = await stat(path);
    if (size > maxCacheBytes) throw damaged(path, `it has ${size} bytes, the limit is ${maxCacheBytes}`);
    content = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const end = content.indexOf('\n');
  const text = content.slice(end + 1);
  if (content.slice(0, end) !== headOf(text)) throw damaged(path, 'its checksum is wrong');
  return text;
}

async function save(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const beside = `${path}.${process.pid}-${++written}.tmp`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(`${headOf(text)}\n${text}`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** So that the new name survives a loss of power. Where folders cannot be opened, the file system sees to it or nobody does. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}

function headOf(text: string): string {
  return `${mark} ${createHash('sha256').update(text).digest('hex')}`;
}

function damaged(path: string, why: string): ConclaveError {
  return new ConclaveError('INVALID_ARGUMENT', `cache ${path}: ${why}`);
}
