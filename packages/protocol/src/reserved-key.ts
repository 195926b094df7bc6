// Keys whose first byte is 0x00 belong to Conclave. Clients read them by naming them and never write them.
import type { Key } from './operation.ts';

const reservedByte = 0x00;
const electionByte = 0x65; // "e"

/** Where the leader of the election `name` publishes its value: 0x00 "e" and the name. */
export function electionKey(name: Uint8Array): Key {
  const key = new Uint8Array(2 + name.length);
  key[0] = reservedByte;
  key[1] = electionByte;
  key.set(name, 2);
  return key;
}

/** The election that publishes under this key; null for every other key. */
export function electionOf(key: Key): Uint8Array | null {
  return key.length > 2 && key[0] === reservedByte && key[1] === electionByte ? key.subarray(2) : null;
}

export function isReservedKey(key: Key): boolean {
  return key.length > 0 && key[0] === reservedByte;
}
