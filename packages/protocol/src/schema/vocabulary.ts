// The types that operations, results, events and messages share.
import { limits } from '../limits.ts';
import type { KeyRange, LockKind, LockName, LockRequestId, WantedRole } from '../operation.ts';
import { isReservedKey } from '../reserved-key.ts';
import type { KeyValue } from '../result.ts';
import { bytes, choice, integer, nullable, text } from './primitive.ts';
import { type Structure, structure } from './structure.ts';
import { SchemaViolation, type Type } from './type.ts';

export const revision: Type<number> = integer('revision', 0);
export const fence: Type<number> = integer('fence', 1);
export const leaseId: Type<number> = integer('id', 1);
export const sequence: Type<number> = integer('sequence', 1);
/** 0: of the connection that opened the session. */
export const sessionEpoch: Type<number> = integer('epoch', 0);
export const count: Type<number> = integer('count', 0);
export const wallTimeMs: Type<number> = integer('milliseconds since 1970', 0);
export const ttlMs: Type<number> = integer('ttl in ms', limits.minTtlMs, limits.maxTtlMs);

/** A key that is read: the reserved ones too. */
export const key: Type<Uint8Array> = bytes('key', 1, limits.maxKeyBytes);

/** A key that a client writes. */
export const writtenKey: Type<Uint8Array> = {
  name: `${key.name}, the first not 0x00`,
  definition: `${key.definition} not beginning with 0x00`,
  write: (bytesOfKey, out) => {
    key.write(bytesOfKey, out);
    notReserved(bytesOfKey);
  },
  read: (from) => notReserved(key.read(from)),
};

export const value: Type<Uint8Array> = bytes('value', 0, limits.maxValueBytes);

/** One byte more than a key: the key directly behind the longest one, where the next page begins. */
const rangeBound = bytes('bound', 0, limits.maxKeyBytes + 1);

export const keyRange: Structure<KeyRange> = structure<KeyRange>(
  'KeyRange',
  { key: rangeBound, end: nullable(rangeBound) },
  {
    rule: {
      text: `a single key has 1 to ${limits.maxKeyBytes} bytes`,
      check: ({ key: only, end }) => {
        if (end !== null || (only.length >= 1 && only.length <= limits.maxKeyBytes)) return;
        const problem = `a single key has 1 to ${limits.maxKeyBytes} bytes, not ${only.length}`;
        throw new SchemaViolation(problem, only.length > limits.maxKeyBytes, 'key');
      },
    },
  },
);

/** What a client deletes: it may begin at the empty key, which stands behind the reserved ones, but not among them. */
export const deletedRange: Type<KeyRange> = {
  name: 'KeyRange, key not beginning with 0x00',
  definition: `${keyRange.definition} key not beginning with 0x00`,
  write: (range, out) => {
    keyRange.write(range, out);
    notReserved(range.key);
  },
  read: (from) => {
    const range = keyRange.read(from);
    notReserved(range.key);
    return range;
  },
};

export const lockKind: Type<LockKind> = choice<LockKind>('kind of lock', { lock: 0, election: 1, semaphore: 2 });

export const lockNameBytes: Type<Uint8Array> = bytes('lock name', 1, limits.maxLockNameBytes);

export const lockName: Structure<LockName> = structure<LockName>('LockName', { kind: lockKind, name: lockNameBytes });

export const lockRequestId: Structure<LockRequestId> = structure<LockRequestId>('LockRequestId', {
  session: leaseId,
  sequence,
});

export const keyValue: Structure<KeyValue> = structure<KeyValue>('KeyValue', {
  key,
  value: nullable(value),
  createRevision: revision,
  modRevision: revision,
  version: integer('version', 1),
  lease: nullable(leaseId),
});

/** Of a member: an unsigned 32-bit integer, never 0. */
export const memberId: Type<number> = integer('member id', 1, 0xffff_ffff);

export const memberName: Type<string> = text('name', limits.maxMemberNameBytes);

/** The port is named, nothing stands behind it: the same text on every member, and each of them can dial it. */
const urlPattern = /^wss?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+):(?<port>\d{1,5})\/?$/i;
const highestPort = 65_535;
const urlText = text('URL', limits.maxMemberUrlBytes);

export const memberUrl: Type<string> = {
  name: `${urlText.name}, ws://HOST:PORT or wss://HOST:PORT`,
  definition: `${urlText.definition} matching ${urlPattern.source} with a port 1..${highestPort}`,
  write: (url, out) => {
    mustBeUrl(url);
    urlText.write(url, out);
  },
  read: (from) => mustBeUrl(urlText.read(from)),
};

/** Why a member cannot have this address. Null: it can. */
export function memberUrlProblem(url: string): string | null {
  const port = Number(urlPattern.exec(url)?.groups?.['port'] ?? 0);
  if (port >= 1 && port <= highestPort) return null;
  return `${JSON.stringify(url)} is no URL of a host and a port, like ws://127.0.0.1:7401`;
}

function mustBeUrl(url: string): string {
  const problem = memberUrlProblem(url);
  if (problem !== null) throw new SchemaViolation(problem);
  return url;
}

export const wantedRole: Type<WantedRole> = choice<WantedRole>('role', { learner: 0, voter: 1 });

export const memberRole: Type<WantedRole | 'removed'> = choice<WantedRole | 'removed'>('role', {
  learner: 0,
  voter: 1,
  removed: 2,
});

function notReserved(bytesOfKey: Uint8Array): Uint8Array {
  if (isReservedKey(bytesOfKey)) throw new SchemaViolation('keys that begin with 0x00 are reserved');
  return bytesOfKey;
}
