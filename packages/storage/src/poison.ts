import { StorageError } from './storage-error.ts';

/**
 * A store that failed once has failed for good. After a write that was rejected for lack of space LevelDB goes on, mis-framed, and
 * loses acknowledged batches at the next start (google/leveldb#1180, measured in study/reliability.md §0, 2); after a failed
 * fdatasync the kernel may have dropped the pages (Rebello et al., ATC 2020). So nothing is retried and nothing more is said.
 */
export class Poison {
  #error: StorageError | null = null;

  get poisoned(): boolean {
    return this.#error !== null;
  }

  /** Throws the first failure again. */
  check(): void {
    if (this.#error !== null) throw this.#error;
  }

  /** Runs a write; its failure is the end of this store. */
  async guard<T>(what: string, write: () => Promise<T>): Promise<T> {
    this.check();
    try {
      return await write();
    } catch (error) {
      this.#error ??= failure(what, error);
      throw this.#error;
    }
  }
}

function failure(what: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const text = reasonOf(cause);
  return new StorageError(isOutOfSpace(text) ? 'no-space' : 'write-failed', `Writing ${what} failed: ${text}`, {
    cause,
  });
}

/** LevelDB's own words, which classic-level hides in the cause when opening and in the message otherwise. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

export function isOutOfSpace(text: string): boolean {
  return /No space left on device|ENOSPC|Disk quota exceeded|EDQUOT/i.test(text);
}
