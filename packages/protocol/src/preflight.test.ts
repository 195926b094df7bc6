import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import * as arbitrary from '../testing/arbitrary.ts';
import { clientMessage } from '../testing/arbitrary-message.ts';
import { encodeClientFrame } from './client/frame.ts';
import { encodeOperation, encodeResult } from './codec.ts';
import { unpack } from './msgpack.ts';
import { maxScanDepth, PreflightError, preflight, scanValue } from './preflight.ts';

const limits = { maxDepth: 6, maxItems: 1_000 };

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));

function refuses(bytes: Uint8Array, message: RegExp, offset: number): void {
  assert.throws(
    () => preflight(bytes, limits),
    (error) => {
      assert.ok(error instanceof PreflightError, String(error));
      assert.match(error.message, message);
      assert.equal(error.offset, offset);
      return true;
    },
  );
}

/** Values in a tree, and the bytes that its texts and binaries take: what unpacking it allocated. */
function weight(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, element) => sum + weight(element), 1);
  if (typeof value === 'string') return 1 + value.length;
  return value instanceof Uint8Array ? 1 + value.length : 1;
}

function isOurs(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isOurs);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return true;
  return Number.isSafeInteger(value) || value instanceof Uint8Array;
}

function acceptedImpliesHarmless(bytes: Uint8Array): boolean {
  try {
    preflight(bytes, limits);
  } catch (error) {
    assert.ok(error instanceof PreflightError, String(error));
    assert.ok(error.offset >= 0 && error.offset <= bytes.length);
    return false;
  }
  const value = unpack(bytes);
  assert.ok(isOurs(value));
  assert.ok(weight(value) <= bytes.length + 1, 'no more values and bytes than the frame has bytes');
  return true;
}

test('random bytes that pass are unpacked without an error and to no more than their size', () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      if (acceptedImpliesHarmless(bytes)) accepted += 1;
    }),
    { numRuns: 20_000 },
  );
  assert.ok(accepted > 0);
});

test('so are valid bytes after any damage', () => {
  const valid = fc.oneof(
    arbitrary.operation.map(encodeOperation),
    arbitrary.result.map(encodeResult),
    fc.array(clientMessage, { maxLength: 4 }).map(encodeClientFrame),
  );
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
  let accepted = 0;
  fc.assert(
    fc.property(valid, damage, fc.nat({ max: 3 }), (bytes, changes, cut) => {
      const damaged = new Uint8Array(bytes.subarray(0, bytes.length - cut));
      for (const [at, byte] of changes) if (damaged.length > 0) damaged[at % damaged.length] = byte;
      if (acceptedImpliesHarmless(damaged)) accepted += 1;
    }),
    { numRuns: 5_000 },
  );
  assert.ok(accepted > 0);
});

test('every valid encoding passes, and no true prefix of it does', () => {
  fc.assert(
    fc.property(arbitrary.operation.map(encodeOperation), (bytes) => {
      preflight(bytes, limits);
      for (let end = 0; end < Math.min(bytes.length, 64); end++) {
        assert.throws(() => preflight(bytes.subarray(0, end), limits), PreflightError);
      }
    }),
    { numRuns: 100 },
  );
});

test('a scan answers where the value ends and leaves the rest alone', () => {
  assert.equal(scanValue(hex('92 01 a1 61 ff ff c1'), limits), 4);
});

test('bytes behind the value are refused', () => {
  refuses(hex('01 02 03'), /2 bytes behind the value/, 1);
});

test('nothing at all is refused', () => {
  refuses(hex(''), /bytes end where a value was expected/, 0);
});

test('attack: arrays nested a million deep', () => {
  refuses(new Uint8Array(1_000_000).fill(0x91), /arrays nested too deep at byte 6 \(limit 6\)/, 6);
});

test('attack: nested array 16 headers that each announce what is left', () => {
  const bytes = new Uint8Array(72_000);
  for (let i = 0; i < bytes.length; i += 3) bytes.set([0xdc, 0x01, 0x00], i);
  refuses(bytes, /arrays nested too deep/, 18);
});

test('attack: an array 32 header of four thousand million elements', () => {
  refuses(hex('dd ff ff ff ff 00'), /4294967295 values announced, 1 bytes left/, 0);
});

test('attack: an array that fits its bytes but holds more values than allowed', () => {
  const bytes = new Uint8Array(5_003);
  bytes.set([0xdc, 0x13, 0x88]);
  refuses(bytes, /too many values at byte 0 \(limit 1000\)/, 0);
});

test('attack: many small arrays that together hold more values than allowed', () => {
  const bytes = new Uint8Array(3 + 999 * 2).fill(0x91);
  bytes.set([0xdc, 0x03, 0xe7]);
  for (let i = 3; i < bytes.length; i += 2) bytes[i + 1] = 0;
  refuses(bytes, /too many values/, 1 + limits.maxItems);
});

test('attack: bin 32 and str 32 headers of four gigabytes', () => {
  refuses(hex('c6 ff ff ff ff 00'), /4294967299 bytes announced, 5 left/, 0);
  refuses(hex('92 01 db 80 00 00 00'), /2147483652 bytes announced, 4 left/, 2);
});

test('attack: a header that ends inside its length', () => {
  for (const header of ['c4', 'c5 00', 'c6 00 00 00', 'd9', 'da 00', 'db 00 00', 'dc 00', 'dd 00 00 00']) {
    refuses(hex(header), /bytes end inside a length/, 0);
  }
  for (const header of ['cc', 'cd 00', 'ce 00', 'cf 00', 'd0', 'd1 00', 'd2 00', 'd3 00', 'a5 61']) {
    refuses(hex(header), /bytes announced, \d left/, 0);
  }
});

test('attack: record definitions, for which msgpackr would compile code', () => {
  refuses(hex('91 d4 72 40 91 a1 61 01'), /an extension at byte 1/, 1);
  refuses(hex('91 d5 72 40 01 91 a1 61 01'), /an extension/, 1);
  // Without a definition the same tokens are small integers, as MessagePack says.
  preflight(hex('92 40 7f'), limits);
});

test('attack: pointers and identities of structured clones (ext 0x70, 0x69: CVE-2023-52079)', () => {
  refuses(hex('92 d6 69 00 00 00 01 90 d6 70 00 00 00 01'), /an extension/, 1);
  refuses(hex('d6 70 00 00 00 01'), /an extension/, 0);
});

test('attack: every other extension: Date, Set, RegExp, Error, typed array, big integer, bundled strings', () => {
  for (const bytes of [
    'd6 ff 00 00 00 00',
    'd7 ff 00 00 00 00 00 00 00 00',
    'd4 73 00 90',
    'd4 78 00 92 a1 61 a0',
    'd4 65 00 92 a1 61 a0',
    'c7 02 74 01 00',
    'c8 00 02 74 01 00',
    'c9 00 00 00 02 74 01 00',
    'd8 42 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
    'd6 62 00 00 00 00',
    'd4 00 00',
  ]) {
    refuses(hex(bytes), /an extension at byte 0/, 0);
  }
});

test('attack: maps, whose keys could name __proto__', () => {
  refuses(hex('81 a9 5f 5f 70 72 6f 74 6f 5f 5f 01'), /a map at byte 0/, 0);
  refuses(hex('91 de 00 01 a1 61 01'), /a map at byte 1/, 1);
  refuses(hex('df 00 00 00 00'), /a map/, 0);
});

test('attack: floating-point numbers, and the byte that MessagePack never uses', () => {
  refuses(hex('ca 7f c0 00 00'), /a floating-point number/, 0);
  refuses(hex('cb 7f f8 00 00 00 00 00 00'), /a floating-point number/, 0);
  refuses(hex('c1'), /the unused byte 0xc1/, 0);
});

test('64-bit integers pass as long as they are safe, and come out as numbers', () => {
  const safe = hex('cf 00 1f ff ff ff ff ff ff');
  preflight(safe, limits);
  assert.equal(unpack(safe), Number.MAX_SAFE_INTEGER);
  refuses(hex('cf 00 20 00 00 00 00 00 00'), /an integer beyond the safe ones .*limit 9007199254740991/, 0);
  refuses(hex('d3 ff ff ff ff ff ff ff ff'), /an integer beyond the safe ones/, 0);
});

test('no limit exceeds the depth of the scanner itself', () => {
  const bytes = new Uint8Array(100).fill(0x91);
  assert.throws(() => preflight(bytes, { maxDepth: 1_000, maxItems: 1_000 }), {
    message: `arrays nested too deep at byte ${maxScanDepth} (limit ${maxScanDepth})`,
  });
});
