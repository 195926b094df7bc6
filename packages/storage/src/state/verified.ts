import { asBuffer } from '../bytes.ts';
import { asStorageError } from '../leveldb/failure.ts';
import { StorageError } from '../storage-error.ts';
import { unframeValue } from './frame.ts';

export function readFailed(error: unknown): never {
  throw asStorageError(error, 'Reading the state failed');
}

/** The value as it was written, or `corrupt`. */
export function verified(key: Uint8Array, stored: Uint8Array, seed: number): Uint8Array {
  const value = unframeValue(key, stored, seed);
  if (value !== null) return value;
  throw new StorageError('corrupt', `In the state, the value of the key 0x${asBuffer(key).toString('hex')} is damaged`);
}
