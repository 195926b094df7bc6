import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import * as arbitrary from '../../testing/arbitrary-message.ts';
import { ProtocolError } from '../error.ts';
import {
  decodeClientFrame,
  decodeMemberFrame,
  encodeClientFrame,
  encodeClientMessage,
  encodeMemberFrame,
  encodeMemberMessage,
  joinFrame,
} from './frame.ts';
import { fromErrorBody, toErrorBody } from './request.ts';
import { wireLimits } from './wire-limits.ts';

const cancel = { type: 'watchCancel', watch: 7 } as const;

function refuses(messages: unknown, message: RegExp): void {
  assert.throws(() => decodeClientFrame(new Packr({ useRecords: false }).pack(messages)), {
    code: 'PROTOCOL',
    message,
  });
}

test('the messages of a client come back as they were', () => {
  fc.assert(
    fc.property(fc.array(arbitrary.clientMessage, { maxLength: 6 }), (messages) => {
      assert.deepEqual(decodeClientFrame(encodeClientFrame(messages)), messages);
    }),
    { numRuns: 500 },
  );
});

test('the messages of a member come back as they were', () => {
  fc.assert(
    fc.property(fc.array(arbitrary.memberMessage, { maxLength: 6 }), (messages) => {
      assert.deepEqual(decodeMemberFrame(encodeMemberFrame(messages)), messages);
    }),
    { numRuns: 500 },
  );
});

test('messages encoded one by one make the same frame as all at once', () => {
  const messages = fc.array(arbitrary.clientMessage, { maxLength: 20 });
  fc.assert(
    fc.property(messages, (sent) => {
      assert.deepEqual(joinFrame(sent.map(encodeClientMessage)), encodeClientFrame(sent));
    }),
    { numRuns: 200 },
  );
  assert.throws(() => joinFrame(Array.from({ length: 1_025 }, () => new Uint8Array([0x91]))), /1025 messages/);
});

test('a fault in a message is told to its maker by field and limit', () => {
  const mutate = {
    type: 'mutate',
    id: 1,
    identity: { by: 'none' },
    deadlineMs: null,
    operation: new Uint8Array(1),
  } as const;
  assert.throws(() => encodeClientMessage({ ...mutate, reason: 'r'.repeat(513) }), {
    code: 'TOO_LARGE',
    message: 'message: mutate.reason: 513 bytes of UTF-8, the limit is 512',
  });
  assert.throws(() => encodeClientMessage({ ...mutate, reason: null, deadlineMs: -1 }), {
    code: 'INVALID_ARGUMENT',
    message: /mutate\.deadlineMs: -1 is below 0/,
  });
});

test('whatever comes in, a decoder gives messages or a ProtocolError', () => {
  const frames = fc.array(arbitrary.clientMessage, { maxLength: 4 }).map(encodeClientFrame);
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 });
  let refused = 0;
  fc.assert(
    fc.property(frames, changes, (frame, damage) => {
      for (const [at, byte] of damage) frame[at % frame.length] = byte;
      try {
        encodeClientFrame(decodeClientFrame(frame));
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
        assert.equal(error.code, 'PROTOCOL');
        refused += 1;
      }
    }),
    { numRuns: 3_000 },
  );
  assert.ok(refused > 100);
});

test('a message of the wrong shape is refused by its name, the field and what is wrong', () => {
  refuses(7, /^frame: number where a list belongs/);
  refuses([7], /^frame: \[0\]: number where an array belongs/);
  refuses([[]], /^frame: \[0\]: an empty array is no client message/);
  refuses([['hello']], /^frame: \[0\]: string is no client message/);
  refuses(
    [
      [9, 7],
      [9, '7'],
    ],
    /^frame: \[1\]\.watchCancel\.watch: string where an integer belongs/,
  );
  refuses([[9]], /^frame: \[0\]\.watchCancel: 1 elements where 2 belong/);
  refuses([[9, 7, 7]], /^frame: \[0\]\.watchCancel: 3 elements where 2 belong/);
  refuses([[9, 0]], /^frame: \[0\]\.watchCancel\.watch: 0 is below 1/);
});

test('a message type that this version does not know is refused, not skipped', () => {
  refuses([[60, 1]], /^frame: \[0\]: tag 60 is no client message/);
});

test('a member does not take what only members say', () => {
  const frame = encodeMemberFrame([{ type: 'watchSynced', watch: 1, revision: 1 }]);
  assert.throws(() => decodeClientFrame(frame), { code: 'PROTOCOL', message: /tag 74 is no client message/ });
});

test('a reserved position must be null until a version fills it', () => {
  refuses([[3, 1, 0, 0, null, new Uint8Array(1), 'admin', null]], /query: string in a reserved position/);
});

test('a frame over its limits is refused by the limit', () => {
  const many = Array.from({ length: wireLimits.maxFrameMessages + 1 }, () => cancel);
  assert.throws(() => encodeClientFrame(many), { code: 'TOO_LARGE', message: /1025 elements, the limit is 1024/ });
  const long = new Uint8Array(wireLimits.maxClientFrameBytes + 1);
  assert.throws(() => decodeClientFrame(long), { code: 'PROTOCOL', message: /2097153 bytes, the limit is 2097152/ });
});

test('the largest operation fits into a frame of a client', () => {
  const operation = new Uint8Array(1_572_864);
  const reason = 'r'.repeat(512);
  const identity = { by: 'key', key: new Uint8Array(128) } as const;
  const mutate = { type: 'mutate', id: 1, identity, reason, deadlineMs: null, operation } as const;
  const frame = encodeClientFrame([mutate]);
  assert.ok(frame.length - operation.length <= wireLimits.maxRequestOverheadBytes);
});

test('an error arrives with all that it says, however long its message', () => {
  const details = { oldest: 2 ** 41, name: 'a', fraction: 0.5, half: '\ud800', long: 'x'.repeat(2_000), no: 1 };
  const error = new ProtocolError('COMPACTED', `\ufeff${'gone: é\udc00'.repeat(1_000)}`, 'not-applied', details);
  const frame = joinFrame([encodeMemberMessage({ type: 'error', id: 1, error: toErrorBody(error) })]);
  const [message] = decodeMemberFrame(frame);
  assert.ok(message?.type === 'error');
  const arrived = fromErrorBody(message.error);
  assert.equal(arrived.code, 'COMPACTED');
  assert.equal(arrived.outcome, 'not-applied');
  const { long, ...rest } = arrived.details;
  assert.deepEqual(rest, { oldest: 2 ** 41, name: 'a', half: '\ufffd' });
  assert.match(String(long), /^x{900,}$/);
  assert.ok(arrived.message.startsWith('\ufffdgone: é\ufffdgone: é'));
  assert.ok(arrived.message.length > 1_000);
});
