import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c, maskedCrc32c } from './crc32c.ts';

test('crc32c gives the values of RFC 3720, B.4', () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at)), 0x46dd794e);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, at) => 31 - at)), 0x113fdb5c);
});

test('the mask is the one of LevelDB', () => {
  const crc = crc32c(Buffer.from('foo'));
  const masked = maskedCrc32c(Buffer.from('foo'));
  assert.notEqual(masked, crc);
  const rotated = (masked - 0xa282ead8) >>> 0;
  assert.equal(((rotated >>> 17) | (rotated << 15)) >>> 0, crc);
});
