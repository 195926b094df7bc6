import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import * as arbitrary from '../testing/arbitrary.ts';
import { clientMessage } from '../testing/arbitrary-message.ts';
import { decodeClientFrame, encodeClientFrame } from './client/frame.ts';
import { decodeOperation, decodeResult, encodeOperation, encodeResult } from './codec.ts';
import { ProtocolError } from './error.ts';
import { decodedPrefix, decodedWhole } from './schema/decode.ts';
import { boolean, bytes, integer, nullable, text } from './schema/primitive.ts';
import { record } from './schema/record.ts';
import { list, structure } from './schema/structure.ts';
import { SchemaViolation, type Type } from './schema/type.ts';

const number = integer('number', 0);
const numbers = list(number, 1_000);
const short = text('text', 100);
const blob = bytes('blob', 0, 1_000);
const names = record<string>('names', 40, false);
const counted = record<string | number>('counted', 40, true);

const hex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits.replaceAll(' ', ''), 'hex'));

function refuses(type: Type<unknown>, digits: string | Uint8Array, message: RegExp): void {
  const given = typeof digits === 'string' ? hex(digits) : digits;
  assert.throws(
    () => decodedWhole(type, given),
    (error) => {
      assert.ok(error instanceof SchemaViolation, String(error));
      assert.match(error.message, message);
      return true;
    },
  );
}

/** Values in a tree, and the bytes that its texts and binaries take: what decoding allocated. */
function weight(value: unknown): number {
  if (typeof value === 'string') return 1;
  if (value instanceof Uint8Array) return 1 + value.length;
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((sum, element) => sum + weight(element), 1);
}

interface Coding {
  readonly decode: (bytes: Uint8Array) => unknown;
  readonly encode: (value: never) => Uint8Array;
}

const codings: readonly Coding[] = [
  { decode: decodeOperation, encode: encodeOperation },
  { decode: decodeResult, encode: encodeResult },
  { decode: decodeClientFrame, encode: encodeClientFrame },
];

/** Whether anything takes these bytes. Whoever does can write what it read, and reads the same again. */
function acceptedImpliesHarmless(given: Uint8Array): boolean {
  let accepted = false;
  for (const { decode, encode } of codings) {
    let value: unknown;
    try {
      value = decode(given);
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error));
      continue;
    }
    accepted = true;
    // The few fields that a table adds by itself, for each byte of a tag.
    assert.ok(weight(value) <= 8 * given.length, 'no more values than the bytes can stand for');
    assert.deepEqual(decode(encode(value as never)), value);
  }
  return accepted;
}

test('random bytes are refused, or stand for no more than their size', () => {
  // Of bytes that are only random hardly any are taken; of small integers in an array of the right length, one in five.
  const shaped = fc
    .array(fc.nat({ max: 127 }), { maxLength: 5 })
    .map((fields) => Uint8Array.of(0x90 + fields.length, ...fields));
  let accepted = 0;
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), shaped), (given) => {
      if (acceptedImpliesHarmless(given)) accepted += 1;
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
    fc.property(valid, damage, fc.nat({ max: 3 }), (given, changes, cut) => {
      const damaged = new Uint8Array(given.subarray(0, given.length - cut));
      for (const [at, byte] of changes) if (damaged.length > 0) damaged[at % damaged.length] = byte;
      if (acceptedImpliesHarmless(damaged)) accepted += 1;
    }),
    { numRuns: 5_000 },
  );
  assert.ok(accepted > 0);
});

test('no true prefix of a valid encoding is taken for one', () => {
  fc.assert(
    fc.property(arbitrary.operation.map(encodeOperation), (given) => {
      for (let end = 0; end < Math.min(given.length, 64); end++) {
        assert.throws(() => decodeOperation(given.subarray(0, end)), ProtocolError);
      }
    }),
    { numRuns: 100 },
  );
});

test('it reads what msgpackr writes, in whatever form', () => {
  const unpackr = new Unpackr({ useRecords: false, int64AsType: 'bigint', copyBuffers: true });
  const packr = new Packr({ useRecords: false });
  /** Numbers beyond 32 bits stay int 64, which msgpackr writes for a BigInt only. */
  const anew = (given: Uint8Array): Uint8Array => new Uint8Array(packr.pack(unpackr.unpack(given)));
  fc.assert(
    fc.property(
      arbitrary.operation,
      arbitrary.result,
      fc.array(clientMessage, { maxLength: 4 }),
      (one, other, messages) => {
        assert.deepEqual(decodeOperation(anew(encodeOperation(one))), decodeOperation(encodeOperation(one)));
        assert.deepEqual(decodeResult(anew(encodeResult(other))), decodeResult(encodeResult(other)));
        assert.deepEqual(decodeClientFrame(anew(encodeClientFrame(messages))), messages);
      },
    ),
    { numRuns: 500 },
  );
});

test('numbers and lengths are read in every form that MessagePack has for them, not only the shortest', () => {
  for (const digits of ['07', 'cc 07', 'cd 00 07', 'ce 00 00 00 07', 'cf 00 00 00 00 00 00 00 07']) {
    assert.equal(decodedWhole(number, hex(digits)), 7);
  }
  for (const digits of ['d0 07', 'd1 00 07', 'd2 00 00 00 07', 'd3 00 00 00 00 00 00 00 07']) {
    assert.equal(decodedWhole(number, hex(digits)), 7);
  }
  assert.equal(decodedWhole(number, hex('cf 00 1f ff ff ff ff ff ff')), Number.MAX_SAFE_INTEGER);
  assert.equal(decodedWhole(number, hex('ce ff ff ff ff')), 0xffff_ffff);
  for (const digits of ['a2 c3 a9', 'd9 02 c3 a9', 'da 00 02 c3 a9', 'db 00 00 00 02 c3 a9']) {
    assert.equal(decodedWhole(short, hex(digits)), 'é');
  }
  for (const digits of ['c4 01 09', 'c5 00 01 09', 'c6 00 00 00 01 09']) {
    assert.deepEqual(decodedWhole(blob, hex(digits)), Uint8Array.of(9));
  }
  for (const digits of ['91 09', 'dc 00 01 09', 'dd 00 00 00 01 09']) {
    assert.deepEqual(decodedWhole(numbers, hex(digits)), [9]);
  }
});

test('a number below zero is told as what it is, and one that is not safe is refused', () => {
  refuses(number, 'ff', /^-1 is below 0$/);
  refuses(number, 'd0 80', /^-128 is below 0$/);
  refuses(number, 'd1 ff fe', /^-2 is below 0$/);
  refuses(number, 'd2 80 00 00 00', /^-2147483648 is below 0$/);
  refuses(number, 'cf 00 20 00 00 00 00 00 00', /an integer beyond the safe ones, 9007199254740991/);
  refuses(number, 'd3 ff ff ff ff ff ff ff ff', /an integer beyond the safe ones/);
});

test('what begins the bytes is read, and the rest is left alone', () => {
  assert.deepEqual(decodedPrefix(list(short, 2), hex('92 a1 61 a0 ff c1'), 100), { value: ['a', ''], end: 4 });
  assert.throws(() => decodedPrefix(list(short, 2), hex('92 a1 61 a0'), 3), SchemaViolation);
});

test('bytes behind the value are refused, and so is nothing at all', () => {
  refuses(number, '01 02 03', /^2 bytes behind the value$/);
  refuses(number, '', /^bytes end where a value was expected$/);
});

test('attack: arrays nested a million deep go as deep as the schema does', () => {
  refuses(numbers, new Uint8Array(1_000_000).fill(0x91), /^\[0\]: an array where an integer belongs$/);
  assert.throws(() => decodeClientFrame(new Uint8Array(1_000_000).fill(0x91)), /an array is no client message/);
});

test('attack: an array 32 header of four thousand million elements', () => {
  refuses(numbers, 'dd ff ff ff ff 00', /^4294967295 elements announced, 1 bytes left$/);
  refuses(names, 'dd ff ff ff fe 00', /^4294967294 elements announced, 1 bytes left$/);
  refuses(structure('S', { number }), 'dd ff ff ff ff 00', /^4294967295 elements announced/);
});

test('attack: a list that fits its bytes and holds more than allowed is refused before anything of it is read', () => {
  const given = new Uint8Array(5_003).fill(0xc1);
  given.set([0xdc, 0x13, 0x88]);
  refuses(numbers, given, /^5000 elements, the limit is 1000$/);
});

test('attack: bin 32 and str 32 headers of four gigabytes', () => {
  refuses(blob, 'c6 ff ff ff ff 00', /^4294967295 bytes announced, 1 left$/);
  refuses(short, 'db 80 00 00 00', /^2147483648 bytes announced, 0 left$/);
});

test('attack: a header that ends inside its length', () => {
  for (const header of ['c4', 'c5 00', 'c6 00 00 00']) refuses(blob, header, /^bytes end inside a value$/);
  for (const header of ['d9', 'da 00', 'db 00 00']) refuses(short, header, /^bytes end inside a value$/);
  for (const header of ['dc 00', 'dd 00 00 00']) refuses(numbers, header, /^bytes end inside a value$/);
  for (const header of ['cc', 'cd 00', 'ce 00', 'cf 00', 'd0', 'd1 00', 'd2 00', 'd3 00']) {
    refuses(number, header, /^bytes end inside a value$/);
  }
  refuses(short, 'a5 61', /^5 bytes announced, 1 left$/);
});

test('attack: extensions: records, for which a decoder may compile code, pointers (CVE-2023-52079), dates, sets, and all others', () => {
  for (const digits of [
    'd4 72 40',
    'd5 72 40 01',
    'd6 69 00 00 00 01',
    'd6 70 00 00 00 01',
    'd6 ff 00 00 00 00',
    'd7 ff 00 00 00 00 00 00 00 00',
    'd4 73 00',
    'c7 02 74 01 00',
    'c8 00 02 74 01 00',
    'c9 00 00 00 02 74 01 00',
    'd8 42 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00',
    'd4 00 00',
  ]) {
    for (const type of [number, boolean, short, blob, numbers, names, nullable(number), structure('S', { number })]) {
      refuses(type, digits, /^an extension where /);
    }
  }
});

test('attack: maps, whose keys could name __proto__; floating-point numbers; the byte that MessagePack never uses', () => {
  refuses(number, '81 a9 5f 5f 70 72 6f 74 6f 5f 5f 01', /^a map where an integer belongs$/);
  refuses(numbers, 'de 00 01 a1 61 01', /^a map where a list belongs$/);
  refuses(names, 'df 00 00 00 00', /^a map where a list of names and values belongs$/);
  refuses(number, 'ca 7f c0 00 00', /^a floating-point number where an integer belongs$/);
  refuses(number, 'cb 7f f8 00 00 00 00 00 00', /^a floating-point number where/);
  refuses(number, 'c1', /^the unused byte 0xc1 where/);
});

test('a text is UTF-8, short or long, without a mark of the byte order, and its length is looked at before it is made', () => {
  for (const length of [1, 23, 24, 25, 60]) {
    const ascii = 'x'.repeat(length);
    const given = new Uint8Array([0xd9, length, ...Buffer.from(ascii)]);
    assert.equal(decodedWhole(short, given), ascii);
    given[2] = 0xff;
    refuses(short, given, /^a text that is no UTF-8$/);
    given[2] = 0x78;
    given[length + 1] = 0xc3;
    refuses(short, given, /^a text that is no UTF-8$/);
  }
  refuses(short, 'a3 ed a0 80', /^a text that is no UTF-8$/);
  refuses(short, 'a3 ef bb bf', /^a byte order mark/);
  refuses(short, new Uint8Array([0xd9, 101, ...new Uint8Array(101)]), /^101 bytes of UTF-8, the limit is 100$/);
});

test('a record has names with values, each name once, within its bytes', () => {
  assert.deepEqual(decodedWhole(names, hex('92 a1 61 a1 62')), { a: 'b' });
  assert.deepEqual(decodedWhole(counted, hex('94 a1 61 07 a1 62 a1 63')), { a: 7, b: 'c' });
  const own = decodedWhole(names, hex('92 a9 5f 5f 70 72 6f 74 6f 5f 5f a1 62'));
  assert.deepEqual(Object.entries(own), [['__proto__', 'b']]);
  refuses(names, '91 a1 61', /^a name without a value$/);
  refuses(names, '92 a1 61 07', /^number where a text belongs$/);
  refuses(counted, '92 07 07', /^number where a text belongs$/);
  refuses(counted, '92 a1 61 ff', /^-1 is below 0$/);
  refuses(names, '94 a1 61 a0 a1 61 a0', /^the name "a" stands twice$/);
  refuses(
    names,
    new Uint8Array([0x92, 0xa1, 0x61, 0xd9, 40, ...new Uint8Array(40)]),
    /^41 bytes of UTF-8, the limit is 40$/,
  );
  refuses(counted, `9c ${'a1 61 07 '.repeat(6)}`, /stands twice/);
  refuses(counted, '9a a1 61 07 a1 62 07 a1 63 07 a1 64 07 a1 65 07', /^45 bytes of UTF-8, the limit is 40$/);
});
