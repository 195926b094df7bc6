// Whatever is read straight from its bytes is what the general way, by the tables, makes of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import * as arbitrary from '../../testing/arbitrary.ts';
import { clientMessage as anyClientMessage } from '../../testing/arbitrary-message.ts';
import { encodeClientFrame } from '../client/frame.ts';
import { clientMessage } from '../client/message.ts';
import { wireLimits } from '../client/wire-limits.ts';
import { encodeCommand, encodeOperation } from '../codec.ts';
import { commandVersion } from '../command.ts';
import { commandHeader } from '../command-schema.ts';
import { limits } from '../limits.ts';
import { operation } from '../operation-schema.ts';
import { decodedPrefix, decodedWhole } from '../schema/decode.ts';
import { list } from '../schema/structure.ts';
import type { Type } from '../schema/type.ts';
import { readCommandHeader } from './command-header.ts';
import { cursor } from './cursor.ts';
import { readClientFrame } from './frames.ts';
import { readOperation } from './operations.ts';

const clientFrame = list(clientMessage, wireLimits.maxFrameMessages);

const general =
  <T>(type: Type<T>) =>
  (bytes: Uint8Array): T =>
    decodedWhole(type, bytes);

interface Way {
  readonly bytes: fc.Arbitrary<Uint8Array>;
  readonly straight: (bytes: Uint8Array) => unknown;
  readonly general: (bytes: Uint8Array) => unknown;
}

const identity = { by: 'session', session: 7, sequence: 300, acknowledgedBelow: 70_000, epoch: 3 } as const;
const key = Uint8Array.of(1, 2, 3);
const mutate = { type: 'mutate', id: 9, identity, reason: 'because', deadlineMs: 10_000, operation: key } as const;
const query = {
  type: 'query',
  id: 1,
  consistency: 'local',
  minRevision: 2 ** 40,
  deadlineMs: null,
  operation: key,
} as const;
const put = { type: 'put', key, value: new Uint8Array(300), lease: 2 ** 33, returnPrevious: true } as const;
const range = {
  type: 'range',
  range: { key, end: null },
  revision: null,
  limit: 10,
  order: 'descending',
  keysOnly: false,
  countOnly: true,
  modifiedSince: 5,
} as const;
const header = { version: 1, clusterTimeMs: 1, wallTimeMs: 1e12, identity, author: 'somebody', reason: null } as const;

const requestId = fc.integer({ min: 1, max: 0xffff_ffff });
const usualIdentity = fc
  .tuple(arbitrary.id, arbitrary.id, arbitrary.revision)
  .map(([session, sequence, epoch]) => ({ ...identity, session, sequence, acknowledgedBelow: sequence, epoch }));
const usualHeader = fc
  .tuple(usualIdentity, arbitrary.revision, fc.string({ maxLength: 70 }))
  .map(([by, at, author]) => ({ ...header, identity: by, clusterTimeMs: at, author }));
const usualRequest = fc.oneof(
  fc.tuple(requestId, usualIdentity).map(([id, by]) => ({ ...mutate, id, identity: by })),
  fc.tuple(requestId, arbitrary.revision).map(([id, minRevision]) => ({ ...query, id, minRevision })),
);
const operations = fc.oneof(
  arbitrary.operation,
  arbitrary.operation.filter(({ type }) => type === 'put' || type === 'range'),
);

const ways: Readonly<Record<string, Way>> = {
  operation: { bytes: operations.map(encodeOperation), straight: readOperation, general: general(operation) },
  'client frame': {
    bytes: fc
      .oneof(
        fc.array(usualRequest, { maxLength: 20 }),
        fc.array(fc.oneof(usualRequest, anyClientMessage), { maxLength: 4 }),
      )
      .map(encodeClientFrame),
    straight: readClientFrame,
    general: general(clientFrame),
  },
  command: {
    bytes: fc.oneof(arbitrary.header, usualHeader).map((any) => encodeCommand(any, key)),
    straight: (bytes) => {
      const read = readCommandHeader(bytes, 1_024);
      return read === null ? null : [read, cursor.rest()];
    },
    general: (bytes) => {
      const { end, value } = decodedPrefix(commandHeader, bytes, 1_024);
      return [value, bytes.subarray(end)];
    },
  },
};

/** Bytes of which one, at a place, is another, is left out, or is put in; or of which the end is missing. */
const damage = fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('none', 'change', 'remove', 'insert', 'cut'));

function damaged(bytes: Uint8Array, [where, byte, how]: [number, number, string]): Uint8Array {
  const at = where % (bytes.length + 1);
  const removed = how === 'change' || how === 'remove' ? 1 : 0;
  if (how === 'none') return bytes;
  if (how === 'cut') return bytes.slice(0, at);
  const added = how === 'remove' ? [] : [byte];
  return Uint8Array.from([...bytes.subarray(0, at), ...added, ...bytes.subarray(at + removed)]);
}

for (const [name, way] of Object.entries(ways)) {
  test(`${name}: what is read straight is what the general way reads, also of damaged bytes`, () => {
    let straight = 0;
    fc.assert(
      fc.property(way.bytes, damage, (bytes, how) => {
        const changed = damaged(bytes, how);
        const read = way.straight(changed);
        if (read === null) return;
        straight++;
        assert.deepEqual(read, way.general(changed));
      }),
      { numRuns: 3_000 },
    );
    assert.ok(straight > 100, `only ${straight} were read straight`);
  });
}

test('frequent shapes are read straight, in every form of their fields', () => {
  const author = 'a'.repeat(64);
  assert.deepEqual(readOperation(encodeOperation(put)), put);
  assert.deepEqual(readOperation(encodeOperation({ ...put, lease: null, value: new Uint8Array(70_000) })), {
    ...put,
    lease: null,
    value: new Uint8Array(70_000),
  });
  assert.deepEqual(readOperation(encodeOperation(range)), range);
  assert.deepEqual(readClientFrame(encodeClientFrame([mutate, query, mutate])), [mutate, query, mutate]);
  for (const by of [null, 'somebody', 'somebodi', author])
    assert.deepEqual(readCommandHeader(encodeCommand({ ...header, author: by }, key), 1_024), {
      ...header,
      author: by,
    });
});

test('the header of every version that there was is read straight', () => {
  for (let version = 1; version <= commandVersion; version++) {
    assert.equal(readCommandHeader(encodeCommand({ ...header, version }, key), 1_024)?.version, version);
  }
});

test('what the tables refuse is not read straight', () => {
  const refused = (bytes: Uint8Array, at: number, byte: number): void => {
    bytes[at] = byte;
    assert.equal(readOperation(bytes), null);
    assert.throws(() => general(operation)(bytes));
  };
  // A reserved key; an empty one; no key at all.
  refused(encodeOperation(put), 4, 0x00);
  const none = Uint8Array.from([0x98, 32, 0x92, 0xc4, 0, 0xc0, 0xc0, 0, 0, 0xc2, 0xc2, 0xc0]);
  assert.equal(readOperation(none), null);
  const nothing = Uint8Array.from([0x95, 1, 0xc4, 0, 0xc4, 0, 0xc0, 0xc2]);
  assert.equal(readOperation(nothing), null);
  // More messages than a frame may have, and a text that is none.
  const many = new Uint8Array([0xdc, 0x04, 0x01, ...Array.from({ length: limits.maxReasonBytes }, () => 0x94)]);
  assert.equal(readClientFrame(many), null);
  const wrong = encodeCommand(header, key);
  wrong[wrong.length - key.length - 4] = 0xff;
  assert.equal(readCommandHeader(wrong, 1_024), null);
});

test('a text that could not be read is not found again', () => {
  const strange = encodeCommand({ ...header, author: 'é' }, key);
  assert.equal(readCommandHeader(strange, 1_024), null);
  assert.equal(readCommandHeader(strange, 1_024), null);
  const plain = encodeCommand({ ...header, author: '' }, key);
  assert.equal(readCommandHeader(plain, 1_024)?.author, '');
});
