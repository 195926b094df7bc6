import assert from 'node:assert/strict';
import { test } from 'node:test';
import { founders, index, member, position } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { decodeMeta, encodeMeta, type LogMeta } from './meta.ts';

const meta: LogMeta = {
  clusterId: 'orders',
  memberId: member(4_294_967_295),
  storeUuid: '01234567-89ab-4cde-8f01-23456789abcd',
  hardState: { term: 2 ** 53 - 1, vote: null, commit: index(12) } as LogMeta['hardState'],
  acknowledged: { term: 9, index: 13 } as LogMeta['acknowledged'],
  base: position(10, 8),
  chainAtBase: 0xffff_ffff,
  tail: index(2 ** 40),
  chainAtTail: 7,
  configuration: {
    ...founders,
    votersOutgoing: [member(9)],
    learners: [member(10), member(11)],
    learnersNext: [member(9)],
    leaseReads: true,
  },
  stateGeneration: 3,
  peerStores: new Map([[member(2), 'ffffffff-89ab-4cde-8f01-23456789abcd']]),
};

test('a meta record comes back with every field', () => {
  assert.deepEqual(decodeMeta(encodeMeta(meta)), meta);
  const voted = { ...meta, hardState: { ...meta.hardState, vote: member(3) }, peerStores: new Map() };
  assert.deepEqual(decodeMeta(encodeMeta(voted)), voted);
});

test('each flipped bit and each cut of a meta record is refused', () => {
  const bytes = encodeMeta(meta);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeMeta(damaged), refusedAs('corrupt'), `bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeMeta(bytes.subarray(0, length)), refusedAs('corrupt'));
  }
});
