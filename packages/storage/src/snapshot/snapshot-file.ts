// A snapshot as a file: the chunks of a stream one behind the other, and nothing behind the trailer. Written under another name, so that
// a file with the right name is a whole one; read chunk by chunk, so that its size does not matter.
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { maxSnapshotChunkBytes } from '../bounds.ts';
import { syncDirectory } from '../directory/sync-directory.ts';
import { asStorageError } from '../leveldb/failure.ts';
import type { StateRecord } from '../storage.ts';
import { StorageError } from '../storage-error.ts';
import { badChunk, chunkHeaderBytes } from './chunk.ts';
import { ChunkIntake } from './chunk-intake.ts';
import type { SnapshotHead, SnapshotTrailer } from './head.ts';

const fileMode = 0o600;
/** Of the length of the payload, in a chunk's header. */
const lengthOffset = 10;

export interface SnapshotSummary extends SnapshotTrailer {
  readonly head: SnapshotHead;
  readonly chunks: number;
  readonly fileBytes: number;
}

/**
 * Writes a stream into a file, which has its name only when all of it is durable; an older file of that name is replaced then. Each chunk is
 * looked at on its way: a stream that is damaged, or ends too early, rejects with `bad-snapshot` and leaves nothing.
 */
export async function writeSnapshotFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<SnapshotSummary> {
  const target = resolve(path);
  const directory = dirname(target);
  const partial = join(directory, `.${basename(target)}.${randomUUID()}.partial`);
  const what = `Writing ${target} failed`;
  const file = await open(partial, 'wx', fileMode).catch((error: unknown) => {
    throw asStorageError(error, what);
  });
  let isOpen = true;
  try {
    const intake = new ChunkIntake(null, crc32);
    let fileBytes = 0;
    for await (const chunk of chunks) {
      intake.take(chunk);
      await file.writeFile(chunk);
      fileBytes += chunk.length;
    }
    const summary = { head: intake.complete, ...intake.counts, chunks: intake.next, fileBytes };
    await file.sync();
    await file.close();
    isOpen = false;
    await rename(partial, target);
    await syncDirectory(directory);
    return summary;
  } catch (error) {
    if (isOpen) await file.close();
    await rm(partial, { force: true });
    throw explained(error, 'The stream', what);
  }
}

/** A file that is being read, from its head to its end. */
export interface SnapshotFile extends AsyncDisposable {
  readonly head: SnapshotHead;
  /** What was read so far; of the whole file, once `records` has ended. */
  readonly summary: SnapshotSummary;
  /**
   * All records, in order, once. Ends only behind a trailer that counts them, with nothing behind it; rejects with `bad-snapshot`, naming file
   * and chunk, when a byte of what was read is another than it was, or is missing.
   */
  records(): AsyncGenerator<readonly StateRecord[], void, void>;
}

/** Reads the head. Rejects with `bad-snapshot`, `unknown-format` or `unusable`. */
export async function openSnapshotFile(path: string): Promise<SnapshotFile> {
  const reader = new Reader(
    path,
    await open(path, 'r').catch((error: unknown) => {
      throw asStorageError(error, `Reading ${path} failed`);
    }),
  );
  try {
    await reader.begin();
    return reader;
  } catch (error) {
    await reader[Symbol.asyncDispose]();
    throw error;
  }
}

class Reader implements SnapshotFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #intake = new ChunkIntake(null, crc32);
  #at = 0;

  constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  get head(): SnapshotHead {
    if (this.#intake.head === null) throw badChunk(0, 'it was not read');
    return this.#intake.head;
  }

  get summary(): SnapshotSummary {
    return { head: this.head, ...this.#intake.counts, chunks: this.#intake.next, fileBytes: this.#at };
  }

  async begin(): Promise<void> {
    await this.#next();
  }

  async *records(): AsyncGenerator<readonly StateRecord[], void, void> {
    while (!this.#intake.isComplete) {
      const records = await this.#next();
      if (records.length > 0) yield records;
    }
    const behind = await this.#read(1);
    if (behind.length > 0) throw explained(badChunk(this.#intake.next, 'the file goes on behind its end'), this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #next(): Promise<readonly StateRecord[]> {
    try {
      const header = await this.#read(chunkHeaderBytes);
      if (header.length < chunkHeaderBytes) throw badChunk(this.#intake.next, 'the file ends in front of it');
      const payload = header.readUInt32BE(lengthOffset);
      if (payload > maxSnapshotChunkBytes - chunkHeaderBytes) {
        throw badChunk(this.#intake.next, `its length is given as ${payload} bytes`);
      }
      return this.#intake.take(Buffer.concat([header, await this.#read(payload)]));
    } catch (error) {
      throw explained(error, this.#path);
    }
  }

  /** Less only at the end of the file. */
  async #read(length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#file.read(bytes, filled, length - filled, this.#at);
      if (bytesRead === 0) break;
      filled += bytesRead;
      this.#at += bytesRead;
    }
    return bytes.subarray(0, filled);
  }
}

/** A chunk that is asked for again is no better when it comes out of a file. */
function explained(error: unknown, whose: string, what = `Reading ${whose} failed`): StorageError {
  const failure = asStorageError(error, what);
  if (failure.code !== 'bad-chunk') return failure;
  return new StorageError('bad-snapshot', `${whose} is no whole snapshot. ${failure.found}`, { cause: error });
}
