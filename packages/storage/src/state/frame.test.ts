import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { bytes } from '../conformance/entries.ts';
import { frameSeed, frameValue, unframeValue } from './frame.ts';

const key = bytes('orders/42');
const uuid = '01234567-89ab-4cde-8f01-23456789abcd';
const seed = frameSeed(uuid, 0);

test('a framed value comes back, also an empty one, wherever its bytes lie', () => {
  for (const value of [bytes('value'), new Uint8Array(), new Uint8Array(100).subarray(50, 50), Buffer.alloc(0)]) {
    assert.deepEqual(new Uint8Array(unframeValue(key, frameValue(key, value, seed), seed)!), new Uint8Array(value));
    assert.deepEqual(unframeValue(key, new Uint8Array(frameValue(key, value, seed)), seed)?.length, value.length);
  }
});

test('each flipped bit, each other length and each other key is noticed', () => {
  const framed = frameValue(key, bytes('value'), seed);
  for (let bit = 0; bit < framed.length * 8; bit++) {
    const damaged = Buffer.from(framed);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(unframeValue(key, damaged, seed), null, `bit ${bit}`);
  }
  for (let length = 0; length < framed.length; length++)
    assert.equal(unframeValue(key, framed.subarray(0, length), seed), null);
  assert.equal(unframeValue(bytes('orders/43'), framed, seed), null);
});

test('a value of another store, or of another generation of this one, does not fit', () => {
  const framed = frameValue(key, bytes('value'), seed);
  assert.equal(unframeValue(key, framed, frameSeed(uuid.replace('0', '1'), 0)), null);
  assert.equal(unframeValue(key, framed, frameSeed(uuid, 1)), null);
});

test('a value of the first format is still read', () => {
  const value = Buffer.concat([Buffer.of(1), Buffer.alloc(4), Buffer.from('value')]);
  value.writeUInt32BE(crc32(Buffer.concat([key, Buffer.from('value')])), 1);
  assert.equal(unframeValue(key, value, seed)?.toString(), 'value');
  value[6]! ^= 1;
  assert.equal(unframeValue(key, value, seed), null);
});
