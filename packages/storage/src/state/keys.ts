import { maxKeyBytes } from '../bounds.ts';
import { FieldWriter } from '../bytes.ts';
import { refuseUse } from '../storage-error.ts';

// The state's LevelDB has two kinds of keys: `c`, the checkpoint record, and `d` with a key of the state machine.

const dataPrefix = 'd'.charCodeAt(0);

export const checkpointKey: Buffer = Buffer.from('c', 'latin1');
/** In front of and behind all data keys. */
export const firstDataKey: Buffer = Buffer.of(dataPrefix);
export const endOfDataKeys: Buffer = Buffer.of(dataPrefix + 1);

export function dataKey(key: Uint8Array): Buffer {
  if (key.length > maxKeyBytes) refuseUse(`a key of ${key.length} bytes; the limit is ${maxKeyBytes}`);
  return new FieldWriter(1 + key.length).u8(dataPrefix).bytes(key).buffer;
}

/** The state machine's part, as a view. */
export function keyOfData(stored: Uint8Array): Uint8Array {
  return stored.subarray(1);
}
