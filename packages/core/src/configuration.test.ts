import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { configurationOf, decodeConfiguration, encodeConfiguration, membersOf, noContext } from './configuration.ts';
import type { Configuration, MemberId } from './types.ts';

const members = fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 32 - 1 }), { maxLength: 9 }) as fc.Arbitrary<MemberId[]>;
const configurations: fc.Arbitrary<Configuration> = fc.record({
  voters: members,
  votersOutgoing: members,
  learners: members,
  learnersNext: members,
  leaseReads: fc.boolean(),
});

test('a configuration and what came with it are decoded as they were encoded, wherever their bytes lie', () => {
  fc.assert(
    fc.property(configurations, fc.uint8Array({ maxLength: 50 }), (configuration, context) => {
      const data = encodeConfiguration({ configuration, context });
      const frame = new Uint8Array(data.byteLength + 7);
      frame.set(data, 7);
      const decoded = decodeConfiguration(frame.subarray(7));
      assert.deepEqual(decoded.configuration, { ...configuration });
      assert.deepEqual([...decoded.context], [...context]);
    }),
  );
});

test('the bytes of a configuration stay as they are: they are on disks and wires', () => {
  const configuration: Configuration = {
    voters: [1, 2] as MemberId[],
    votersOutgoing: [3] as MemberId[],
    learners: [0x01020304] as MemberId[],
    learnersNext: [],
    leaseReads: true,
  };
  const data = encodeConfiguration({ configuration, context: Uint8Array.of(0xaa) });
  assert.equal(Buffer.from(data).toString('hex'), '0101000200000001000000020001000000030001010203040000aa');
});

test('a configuration that is cut off, of a later version or with an unknown setting is refused, not guessed', () => {
  const data = encodeConfiguration({ configuration: configurationOf([1, 2, 3] as MemberId[]), context: noContext });
  for (let length = 0; length < data.byteLength; length++)
    assert.throws(() => decodeConfiguration(data.subarray(0, length)), /configuration/);
  assert.throws(() => decodeConfiguration(Uint8Array.of(2, ...data.subarray(1))), /version 2/);
  assert.throws(() => decodeConfiguration(Uint8Array.of(1, 2, ...data.subarray(2))), /flags 2/);
});

test('everybody who receives the log is named once', () => {
  const configuration: Configuration = {
    voters: [1, 2] as MemberId[],
    votersOutgoing: [2, 3] as MemberId[],
    learners: [4] as MemberId[],
    learnersNext: [3] as MemberId[],
    leaseReads: false,
  };
  assert.deepEqual(membersOf(configuration), [1, 2, 3, 4]);
});
