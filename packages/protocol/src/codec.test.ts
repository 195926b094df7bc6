import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import * as arbitrary from '../testing/arbitrary.ts';
import {
  decodeClientMutation,
  decodeClientOperation,
  decodeClientQuery,
  decodeCommand,
  decodeEvents,
  decodeOperation,
  decodeResult,
  encodeCommand,
  encodeEvents,
  encodeOperation,
  encodeResult,
  isReadOnly,
} from './codec.ts';
import { ProtocolError } from './error.ts';
import { limits } from './limits.ts';
import type { Delete, LockClaim, LockName, Operation, Put, Txn } from './operation.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const put: Put = { type: 'put', key: bytes('k'), value: bytes('v'), lease: null, returnPrevious: false };
const txn: Txn = { type: 'txn', compares: [], then: [], else: [] };

const anonymous = {
  version: 1,
  clusterTimeMs: 1,
  wallTimeMs: 1,
  identity: { by: 'none' },
  author: null,
  reason: null,
} as const;

function gone(key: string, end: string | null): Delete {
  return { type: 'delete', range: { key: bytes(key), end: end === null ? null : bytes(end) }, returnPrevious: false };
}

function refuses(operation: Operation, code: string, message: RegExp): void {
  assert.throws(
    () => encodeOperation(operation),
    (error) => {
      assert.ok(error instanceof ProtocolError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.equal(error.outcome, 'not-applied');
      return true;
    },
  );
}

test('an operation comes back as it was', () => {
  fc.assert(
    fc.property(arbitrary.operation, (operation) => {
      assert.deepEqual(decodeOperation(encodeOperation(operation)), operation);
    }),
    { numRuns: 1_000 },
  );
});

test('a result comes back as it was', () => {
  fc.assert(
    fc.property(arbitrary.result, (result) => {
      assert.deepEqual(decodeResult(encodeResult(result)), result);
    }),
    { numRuns: 1_000 },
  );
});

test('the events of a revision come back as they were', () => {
  fc.assert(
    fc.property(arbitrary.events, (events) => {
      assert.deepEqual(decodeEvents(encodeEvents(events)), events);
    }),
    { numRuns: 300 },
  );
});

test('a command comes back with its header and exactly the bytes of its operation', () => {
  fc.assert(
    fc.property(arbitrary.header, arbitrary.operation.map(encodeOperation), (header, operation) => {
      const command = decodeCommand(encodeCommand(header, operation));
      assert.deepEqual(command.header, header);
      assert.deepEqual(command.operation, operation);
    }),
    { numRuns: 300 },
  );
});

test('what was encoded stays as it is when something else is encoded after it', () => {
  fc.assert(
    fc.property(fc.array(arbitrary.operation, { minLength: 1, maxLength: 20 }), (operations) => {
      const encoded = operations.map((operation) => encodeCommand(anonymous, encodeOperation(operation)));
      for (const [i, operation] of operations.entries()) {
        assert.deepEqual(decodeOperation(decodeCommand(encoded[i]!).operation), operation);
      }
    }),
  );
});

test('a result that is kept keeps no larger buffer', () => {
  const result = encodeResult({ type: 'range', revision: 1, entries: [], more: false, count: 0 });
  assert.equal(result.buffer.byteLength, result.length);
});

test('keys decoded from a Node Buffer are plain arrays, whose slice copies', () => {
  const decoded = decodeOperation(Buffer.from(encodeOperation(put))) as Put;
  assert.equal(decoded.key.constructor, Uint8Array);
});

test('decoded keys and values are views: the bytes of the frame are not copied', () => {
  const encoded = encodeOperation(put);
  const decoded = decodeOperation(encoded) as Put;
  assert.equal(decoded.key.buffer, encoded.buffer);
});

test('a client may not propose what only members propose', () => {
  const own: Operation[] = [
    { type: 'leaseExpire', lease: 1, generation: 1, term: 1 },
    { type: 'leaseCheckpoint', term: 1, leases: [] },
    { type: 'lockDelayEnd', session: 1, sequence: 1, term: 1 },
    { type: 'sessionOpen', ttlMs: 15_000, secretHash: new Uint8Array(32), metadata: {} },
  ];
  for (const operation of own) {
    assert.throws(() => decodeClientOperation(encodeOperation(operation)), /is proposed by members only/);
  }
  assert.deepEqual(decodeClientOperation(encodeOperation(put)), put);
});

test('a mutation is not taken for a query, nor a query for a mutation', () => {
  const list = encodeOperation({ type: 'leases', after: 0, limit: 0 });
  assert.throws(() => decodeClientMutation(list), { code: 'INVALID_ARGUMENT', message: /leases is asked as a query/ });
  assert.throws(() => decodeClientQuery(encodeOperation(put)), {
    code: 'INVALID_ARGUMENT',
    message: /this put writes/,
  });
  assert.equal(decodeClientQuery(list).type, 'leases');
  assert.equal(decodeClientMutation(encodeOperation(put)).type, 'put');
  assert.equal(decodeClientQuery(encodeOperation(txn)).type, 'txn', 'it only reads');
  assert.equal(decodeClientMutation(encodeOperation(txn)).type, 'txn', 'and may be logged as well');
});

test('whatever comes in, a decoder gives an operation or names the fault', () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(arbitrary.operation.map(encodeOperation), changes, (bytesOf, damage) => {
      for (const [at, byte] of damage) bytesOf[at % bytesOf.length] = byte;
      try {
        encodeOperation(decodeOperation(bytesOf));
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
        assert.match(error.code, /^(INVALID_ARGUMENT|TOO_LARGE)$/);
      }
    }),
    { numRuns: 3_000 },
  );
});

test('an operation over a limit is refused by the name of the field and the limit', () => {
  refuses(
    { ...put, key: new Uint8Array(4_097).fill(1) },
    'TOO_LARGE',
    /operation: put\.key: 4097 bytes, the limit is 4096/,
  );
  refuses({ ...put, key: new Uint8Array() }, 'INVALID_ARGUMENT', /put\.key: 0 bytes, at least 1/);
  refuses({ ...put, value: new Uint8Array(1_048_577) }, 'TOO_LARGE', /put\.value: 1048577 bytes, the limit is 1048576/);
  refuses({ ...put, key: new Uint8Array([0, 1]) }, 'INVALID_ARGUMENT', /put\.key: .* reserved/);
  refuses({ ...put, lease: 0 }, 'INVALID_ARGUMENT', /put\.lease: 0 is below 1/);
  refuses({ ...put, lease: 1.5 }, 'INVALID_ARGUMENT', /put\.lease: number where an integer/);
  refuses({ type: 'leaseGrant', ttlMs: 999 }, 'INVALID_ARGUMENT', /leaseGrant\.ttlMs: 999 is below 1000/);
  refuses({ type: 'leaseGrant', ttlMs: 300_001 }, 'INVALID_ARGUMENT', /leaseGrant\.ttlMs: 300001 is above 300000/);
  const name = { kind: 'lock', name: new Uint8Array(1_025) } as const;
  refuses({ type: 'lock', name }, 'TOO_LARGE', /lock\.name\.name: 1025 bytes, the limit is 1024/);
  const metadata = { host: 'x'.repeat(1_021) };
  const secretHash = new Uint8Array(32);
  refuses({ type: 'sessionOpen', ttlMs: 1_000, secretHash, metadata }, 'TOO_LARGE', /metadata: 1025 bytes of UTF-8/);
});

test('reserved keys can be read by naming them but neither written nor deleted', () => {
  const reserved = { key: new Uint8Array([0, 101, 1]), end: null };
  refuses({ type: 'delete', range: reserved, returnPrevious: false }, 'INVALID_ARGUMENT', /delete\.range: .* reserved/);
  const range: Operation = {
    type: 'range',
    range: reserved,
    revision: null,
    limit: 0,
    order: 'ascending',
    keysOnly: false,
    countOnly: false,
    modifiedSince: null,
  };
  assert.deepEqual(decodeOperation(encodeOperation(range)), range);
  const everything: Operation = {
    type: 'delete',
    range: { key: new Uint8Array(), end: new Uint8Array() },
    returnPrevious: false,
  };
  assert.deepEqual(decodeOperation(encodeOperation(everything)), everything);
});

test('a key is written once in one branch of a transaction', () => {
  const twice = /operation: txn\.then: a key may be written once/;
  refuses({ ...txn, then: [put, { ...put }] }, 'INVALID_ARGUMENT', twice);
  refuses({ ...txn, then: [put, gone('k', null)] }, 'INVALID_ARGUMENT', twice);
  refuses({ ...txn, then: [put, gone('a', 'l')] }, 'INVALID_ARGUMENT', twice);
  refuses({ ...txn, then: [put, gone('a', '')] }, 'INVALID_ARGUMENT', twice);
  refuses({ ...txn, then: [gone('a', 'c'), gone('b', 'd')] }, 'INVALID_ARGUMENT', twice);
  encodeOperation({ ...txn, then: [put, gone('a', 'k'), gone('l', '')], else: [put] });
});

test('a transaction reads no old revision and has a bounded number of operations', () => {
  const read = {
    type: 'range',
    range: { key: bytes('k'), end: null },
    revision: 7,
    limit: 0,
    order: 'ascending',
    keysOnly: false,
    countOnly: false,
    modifiedSince: null,
  } as const;
  refuses({ ...txn, else: [read] }, 'INVALID_ARGUMENT', /txn\.else\[0\]\.range\.revision: /);
  const now = { ...read, revision: null };
  const many = Array.from({ length: 513 }, () => now);
  refuses({ ...txn, then: many, else: many }, 'TOO_LARGE', /txn: 1026 operations, the limit is 1024/);
  encodeOperation({ ...txn, then: many.slice(1), else: many.slice(1) });
});

test('a campaign publishes a value and a lock does not', () => {
  const acquire = { type: 'lockAcquire', wait: true, lockDelayMs: 0, keeping: [] } as const;
  const alone = (name: LockName): LockClaim[] => [{ mode: 'exclusive', name }];
  const lock = { kind: 'lock', name: bytes('a') } as const;
  const election = { kind: 'election', name: bytes('a') } as const;
  refuses({ ...acquire, claims: alone(lock), value: bytes('v') }, 'INVALID_ARGUMENT', /lockAcquire\.value: /);
  refuses({ ...acquire, claims: alone(election), value: null }, 'INVALID_ARGUMENT', /lockAcquire\.value: /);
  refuses({ type: 'proclaim', name: lock, fence: 1, value: bytes('v') }, 'INVALID_ARGUMENT', /proclaim\.name: /);
});

test('an operation of the greatest size passes and one byte more does not', () => {
  const value = new Uint8Array(524_288);
  const keys = ['a', 'b', 'c'].map(
    (key): Put => ({ type: 'put', key: bytes(key), value, lease: null, returnPrevious: false }),
  );
  refuses(
    { ...txn, then: keys },
    'TOO_LARGE',
    new RegExp(`operation: \\d+ bytes, the limit is ${limits.maxOperationBytes}`),
  );
  const overhead = encodeOperation({ ...txn, then: keys.slice(0, 2) }).length - 2 * value.length;
  assert.ok(overhead < 64);
});

test('a text that is not Unicode is refused instead of changed', () => {
  const secretHash = new Uint8Array(32);
  refuses(
    { type: 'sessionOpen', ttlMs: 1_000, secretHash, metadata: { host: '\ud800' } },
    'INVALID_ARGUMENT',
    /sessionOpen\.metadata: half of a surrogate pair/,
  );
});

test('a byte order mark in front of a text is refused, because decoders drop it', () => {
  const reason = `\ufeff${'x'.repeat(70)}`;
  assert.throws(() => encodeCommand({ ...anonymous, reason }, encodeOperation(put)), {
    code: 'INVALID_ARGUMENT',
    message: /command: reason: a byte order mark/,
  });
});

test('a name like __proto__ in metadata is a name like any other', () => {
  const metadata = Object.fromEntries([['__proto__', 'x']]) as Record<string, string>;
  const open: Operation = { type: 'sessionOpen', ttlMs: 1_000, secretHash: new Uint8Array(32), metadata };
  const decoded = decodeOperation(encodeOperation(open));
  assert.ok(decoded.type === 'sessionOpen');
  assert.deepEqual(Object.entries(decoded.metadata), [['__proto__', 'x']]);
  assert.equal(Object.getPrototypeOf(decoded.metadata), Object.prototype);
});

test('a command of an unknown version is refused by its number', () => {
  const header = { clusterTimeMs: 1, wallTimeMs: 1, identity: { by: 'none' }, author: null, reason: null } as const;
  const command = encodeCommand({ version: 1, ...header }, encodeOperation(put));
  command[1] = 9;
  assert.throws(() => decodeCommand(command), { code: 'UNSUPPORTED_VERSION', message: /version 9/ });
  command[0] = 0xc1;
  assert.throws(() => decodeCommand(command), {
    code: 'INTERNAL',
    message: /command: the unused byte 0xc1 where an array belongs/,
  });
});

test('a transaction that only reads needs no log entry', () => {
  assert.equal(isReadOnly(txn), true);
  assert.equal(isReadOnly({ ...txn, else: [put] }), false);
  assert.equal(isReadOnly({ type: 'leases', after: 0, limit: 0 }), true);
  assert.equal(isReadOnly(put), false);
});
