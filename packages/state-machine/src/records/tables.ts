// The keys of the records. One prefix byte a table; numbers big-endian, so that the order of the bytes is the order of the numbers.
// The order of the tables is the order of loading: leases before the history whose keys hang on them. docs/state-format.md.
import { bytesOf } from '../keys/key-bytes.ts';

export const tables = {
  counters: 0x01,
  leases: 0x02,
  history: 0x03,
  requests: 0x04,
  past: 0x05,
  responses: 0x06,
  idempotency: 0x07,
  cluster: 0x08,
  members: 0x09,
} as const;

/** First byte of every record's value. */
export const recordFormat = 1;

const high32 = 0x1_0000_0000;
const historyKeyBytes = 13;

export const countersKey: Uint8Array = Uint8Array.of(tables.counters);

export const clusterKey: Uint8Array = Uint8Array.of(tables.cluster);

export function historyKey(revision: number, sub: number): Uint8Array {
  const key = new Uint8Array(historyKeyBytes);
  key[0] = tables.history;
  put64(key, 1, revision);
  put32(key, 9, sub);
  return key;
}

export function leaseKey(lease: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = tables.leases;
  put64(key, 1, lease);
  return key;
}

export function memberKey(member: number): Uint8Array {
  const key = new Uint8Array(5);
  key[0] = tables.members;
  put32(key, 1, member);
  return key;
}

export function requestKey(session: number, sequence: number): Uint8Array {
  return pairKey(tables.requests, session, sequence);
}

export function responseKey(session: number, sequence: number): Uint8Array {
  return pairKey(tables.responses, session, sequence);
}

/** `name`: kind and name of the lock as one latin1 string. */
export function pastKey(name: string): Uint8Array {
  return namedKey(tables.past, name);
}

export function idempotencyKey(name: string): Uint8Array {
  return namedKey(tables.idempotency, name);
}

export function read64(key: Uint8Array, at: number): number {
  return read32(key, at) * high32 + read32(key, at + 4);
}

export function read32(key: Uint8Array, at: number): number {
  return ((key[at]! << 24) | (key[at + 1]! << 16) | (key[at + 2]! << 8) | key[at + 3]!) >>> 0;
}

function pairKey(table: number, first: number, second: number): Uint8Array {
  const key = new Uint8Array(17);
  key[0] = table;
  put64(key, 1, first);
  put64(key, 9, second);
  return key;
}

function namedKey(table: number, name: string): Uint8Array {
  const key = new Uint8Array(1 + name.length);
  key[0] = table;
  key.set(bytesOf(name), 1);
  return key;
}

function put64(key: Uint8Array, at: number, value: number): void {
  put32(key, at, Math.floor(value / high32));
  put32(key, at + 4, value >>> 0);
}

function put32(key: Uint8Array, at: number, value: number): void {
  key[at] = value >>> 24;
  key[at + 1] = value >>> 16;
  key[at + 2] = value >>> 8;
  key[at + 3] = value;
}
