import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntryKind, type Index, type MemberId, type Message, type Term } from '@conclave/core';
import * as fc from 'fast-check';
import { decodePeerFrame, encodePeerFrames } from './codec.ts';
import { decodeHello } from './hello.ts';
import type { PeerMessage } from './message.ts';
import { PeerProtocolError } from './wire.ts';

const from = 1 as MemberId;
const to = 2 as MemberId;

const number = fc.maxSafeNat();
const index = number.map((value) => value as Index);
const term = number.map((value) => value as Term);
const bytes = fc.uint8Array({ maxLength: 40 });
const text = fc.option(fc.string({ unit: 'binary', maxLength: 20 }));
const envelope = { from: fc.constant(from), to: fc.constant(to), term };

const append: fc.Arbitrary<Message> = fc
  .record({
    prevIndex: fc.integer({ min: 0, max: 1e9 }),
    terms: fc.array(fc.tuple(term, fc.constantFrom(...Object.values(EntryKind)), bytes), { maxLength: 5 }),
    prevTerm: term,
    commit: index,
    term,
  })
  .map(({ commit, prevIndex, prevTerm, term: now, terms }) => ({
    type: 'append',
    from,
    to,
    term: now,
    prevIndex: prevIndex as Index,
    prevTerm,
    commit,
    entries: terms.map(([own, kind, data], at) => ({ index: (prevIndex + 1 + at) as Index, term: own, kind, data })),
  }));

const raft: fc.Arbitrary<Message> = fc.oneof(
  append,
  fc.record({
    type: fc.constant('preVote' as const),
    ...envelope,
    campaignTerm: term,
    lastIndex: index,
    lastTerm: term,
    transfer: fc.boolean(),
  }),
  fc.record({ type: fc.constant('preVoteResponse' as const), ...envelope, campaignTerm: term, granted: fc.boolean() }),
  fc.record({
    type: fc.constant('vote' as const),
    ...envelope,
    lastIndex: index,
    lastTerm: term,
    transfer: fc.boolean(),
  }),
  fc.record({ type: fc.constant('voteResponse' as const), ...envelope, granted: fc.boolean() }),
  fc.record({ type: fc.constant('appendAccepted' as const), ...envelope, match: index, audience: fc.boolean() }),
  fc.record({
    type: fc.constant('appendRejected' as const),
    ...envelope,
    rejected: index,
    hintIndex: index,
    hintTerm: term,
  }),
  fc.record({ type: fc.constant('heartbeat' as const), ...envelope, commit: index, readSequence: number }),
  fc.record({
    type: fc.constant('heartbeatResponse' as const),
    ...envelope,
    readSequence: number,
    canLead: fc.boolean(),
  }),
  fc.record({ type: fc.constant('commitNotice' as const), ...envelope, commit: index }),
  fc.record({ type: fc.constant('readIndexRequest' as const), ...envelope, request: number }),
  fc.record({ type: fc.constant('readIndexResponse' as const), ...envelope, request: number, index }),
  fc.record({ type: fc.constant('timeoutNow' as const), ...envelope, lastIndex: index }),
);

const identity = fc.oneof(
  fc.constant({ by: 'none' as const }),
  fc.record({ by: fc.constant('key' as const), key: bytes }),
  fc.record({
    by: fc.constant('session' as const),
    session: number,
    sequence: number,
    acknowledgedBelow: number,
    epoch: number,
  }),
);
const ttl = fc.option(fc.integer({ min: 1, max: 1e9 }));

const word = fc.string({ minLength: 1, maxLength: 20 });
const memberIds = fc.array(
  fc.integer({ min: 1, max: 2 ** 32 - 1 }).map((id) => id as MemberId),
  { maxLength: 4 },
);
const configuration = fc.record({
  voters: memberIds,
  votersOutgoing: memberIds,
  learners: memberIds,
  learnersNext: memberIds,
  leaseReads: fc.boolean(),
});

const message: fc.Arbitrary<PeerMessage> = fc.oneof(
  raft.map((one) => ({ type: 'raft' as const, message: one })),
  fc.record({
    type: fc.constant('forward' as const),
    request: number,
    identity,
    author: text,
    reason: text,
    operation: bytes,
  }),
  fc.record({ type: fc.constant('proposed' as const), request: number, index: number, term: number }),
  fc.record({
    type: fc.constant('declined' as const),
    request: number,
    code: fc.constantFrom('NOT_LEADER', 'OVERLOADED', 'NO_SPACE', 'DEADLINE_EXCEEDED'),
  }),
  fc.record({
    type: fc.constant('renew' as const),
    request: number,
    looks: fc.boolean(),
    leases: fc.array(number, { maxLength: 9 }),
  }),
  fc.record({
    type: fc.constant('renewed' as const),
    request: number,
    ttlsMs: fc.option(fc.array(ttl, { maxLength: 9 })),
  }),
  fc.record({
    type: fc.constant('report' as const),
    applied: number,
    commit: number,
    durable: number,
    pid: number,
    knows: number,
    diskLow: fc.boolean(),
  }),
  fc.record({ type: fc.constant('handOver' as const), request: number, to: fc.option(fc.constant(from)) }),
  fc.record({
    type: fc.constant('handOverEnded' as const),
    request: number,
    refusal: fc.option(fc.constantFrom('not-leader' as const, 'transfer-timeout' as const)),
  }),
  fc.record({
    type: fc.constant('snapshotOffer' as const),
    term,
    meta: fc.record({ id: word, position: fc.record({ index, term }), configuration }),
  }),
  fc.record({ type: fc.constant('snapshotChunk' as const), id: word, number, bytes }),
  fc.record({ type: fc.constant('snapshotEnd' as const), id: word, chunks: number }),
  fc.record({
    type: fc.constant('snapshotProgress' as const),
    id: word,
    next: number,
    done: fc.boolean(),
    refusal: text,
  }),
);

/** Views of a frame and bytes of their own say the same. */
function plain(messages: readonly PeerMessage[]): string {
  return JSON.stringify(messages, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}

function inOneFrame(messages: readonly PeerMessage[]): Uint8Array {
  const [frame, ...more] = encodePeerFrames(messages, Number.POSITIVE_INFINITY);
  assert.ok(frame !== undefined && more.length === 0);
  return frame;
}

test('what one member encodes another reads, in order, whatever shares a frame; only its last message goes beyond the bound', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), fc.integer({ min: 1, max: 500 }), (messages, closedAtBytes) => {
      const frames = encodePeerFrames(messages, closedAtBytes);
      const read = frames.map((frame) => decodePeerFrame(frame, from, to));
      assert.equal(plain(read.flat()), plain(messages));
      for (const one of read) {
        assert.ok(one.length > 0);
        if (one.length > 1) assert.ok(inOneFrame(one.slice(0, -1)).length < closedAtBytes);
      }
      for (const frame of frames.slice(0, -1)) assert.ok(frame.length >= closedAtBytes);
    }),
    { numRuns: 500 },
  );
});

test('a frame that is cut, or has a flipped bit, is read or refused, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(), (messages, at, bit) => {
      const frame = inOneFrame(messages);
      const cut = frame.subarray(0, at % frame.length);
      const flipped = frame.slice();
      flipped[at % frame.length] = (flipped[at % frame.length] as number) ^ (1 << (bit % 8));
      for (const damaged of [cut, flipped]) readOrRefuse(damaged);
    }),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), readOrRefuse), { numRuns: 1_000 });
});

function readOrRefuse(frame: Uint8Array): void {
  for (const read of [() => decodePeerFrame(frame, from, to), () => decodeHello(frame)]) {
    try {
      read();
    } catch (error) {
      assert.ok(error instanceof PeerProtocolError, String(error));
    }
  }
}

test('a length that promises more than there is, is refused before anything is made of it', () => {
  const renew = inOneFrame([{ type: 'renew', request: 1, looks: false, leases: [] }]);
  new DataView(renew.buffer, renew.byteOffset).setUint32(renew.length - 4, 0xffff_ffff);
  assert.throws(() => decodePeerFrame(renew, from, to), PeerProtocolError);
});
