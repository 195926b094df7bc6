import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes } from '../conformance/entries.ts';
import { frameValue, unframeValue } from './frame.ts';

const key = bytes('orders/42');

test('a framed value comes back, also an empty one, wherever its bytes lie', () => {
  for (const value of [bytes('value'), new Uint8Array(), new Uint8Array(100).subarray(50, 50), Buffer.alloc(0)]) {
    assert.deepEqual(new Uint8Array(unframeValue(key, frameValue(key, value))!), new Uint8Array(value));
    assert.deepEqual(unframeValue(key, new Uint8Array(frameValue(key, value)))?.length, value.length);
  }
});

test('each flipped bit, each other length and each other key is noticed', () => {
  const framed = frameValue(key, bytes('value'));
  for (let bit = 0; bit < framed.length * 8; bit++) {
    const damaged = Buffer.from(framed);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(unframeValue(key, damaged), null, `bit ${bit}`);
  }
  for (let length = 0; length < framed.length; length++)
    assert.equal(unframeValue(key, framed.subarray(0, length)), null);
  assert.equal(unframeValue(bytes('orders/43'), framed), null);
});
