import { isErrno } from '../directory/errno.ts';
import { isOutOfSpace, reasonOf } from '../poison.ts';
import { StorageError } from '../storage-error.ts';

const closedCodes = ['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_ITERATOR_NOT_OPEN', 'LEVEL_SNAPSHOT_NOT_OPEN'];

/** What LevelDB or the file system threw, in the words of this package. `what` begins the message. */
export function asStorageError(error: unknown, what: string): StorageError {
  if (error instanceof StorageError) return error;
  const reason = reasonOf(error);
  const found = `${what}: ${reason}`;
  if (isOutOfSpace(reason)) return new StorageError('no-space', found, { cause: error });
  const codes = [error, error instanceof Error ? error.cause : undefined];
  // A table that a flipped bit made unreadable is as damaged as one whose values do not verify.
  if (codes.some((each) => isErrno(each, 'LEVEL_CORRUPTION') || isErrno(each, 'LEVEL_IO_ERROR'))) {
    return new StorageError('corrupt', found, { cause: error });
  }
  if (closedCodes.some((code) => isErrno(error, code))) {
    return new StorageError('closed', found, { cause: error });
  }
  return new StorageError('unusable', found, { cause: error });
}
