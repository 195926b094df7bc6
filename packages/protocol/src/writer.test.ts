import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import { bin, unicode } from '../testing/arbitrary.ts';
import { Writer } from './writer.ts';

type Tree = null | boolean | number | string | Uint8Array | readonly Tree[];

function write(tree: Tree, out: Writer): void {
  if (tree === null) out.null();
  else if (typeof tree === 'boolean') out.boolean(tree);
  else if (typeof tree === 'number') out.integer(tree);
  else if (typeof tree === 'string') out.text(tree);
  else if (tree instanceof Uint8Array) out.bytes(tree);
  else {
    out.array(tree.length);
    for (const element of tree) write(element, out);
  }
}

const writer = new Writer();

function encode(tree: Tree): Uint8Array {
  writer.begin();
  write(tree, writer);
  return new Uint8Array(writer.view());
}

const oracle = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number', copyBuffers: true });

/** msgpackr writes what is beyond 32 bits as a float, and a BigInt as the int 64 that this protocol wants. */
function forOracle(tree: Tree): unknown {
  if (typeof tree === 'number') return tree > 0xffff_ffff ? BigInt(tree) : tree;
  return Array.isArray(tree) ? tree.map(forOracle) : tree;
}

/** msgpackr gives Buffers. */
function plainTree(tree: unknown): unknown {
  if (tree instanceof Uint8Array) return new Uint8Array(tree);
  return Array.isArray(tree) ? tree.map(plainTree) : tree;
}

function agrees(tree: Tree): void {
  const bytes = encode(tree);
  assert.deepEqual(bytes, new Uint8Array(oracle.pack(forOracle(tree))));
  assert.deepEqual(plainTree(unpackr.unpack(bytes)), tree);
}

const leaf: fc.Arbitrary<Tree> = fc.oneof<fc.Arbitrary<Tree>[]>(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeNat(),
  fc.integer({ min: 0, max: 70_000 }),
  unicode(80),
  bin(0, 300),
);

test('it writes what msgpackr writes, and msgpackr reads it back', () => {
  const tree: fc.Arbitrary<Tree> = fc.array(fc.oneof<fc.Arbitrary<Tree>[]>(leaf, fc.array(leaf, { maxLength: 20 })), {
    maxLength: 20,
  });
  fc.assert(fc.property(tree, agrees), { numRuns: 2_000 });
});

test('so it does on both sides of every boundary between two forms', () => {
  for (const edge of [0, 0x20, 0x80, 0x100, 0x1_0000, 0x1_0000_0000, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    for (const number of [edge - 1, edge, edge + 1]) if (Number.isSafeInteger(number) && number >= 0) agrees(number);
  }
  for (const length of [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536, 100_000]) {
    agrees(new Uint8Array(length).fill(length));
    agrees('x'.repeat(length));
    agrees('é'.repeat(length));
    agrees(Array.from({ length }, (_, i) => i));
  }
  agrees('\u{1f512}\uffff\u0800\u07ff\u0080\u007f');
});

test('a large encoding does not occupy its memory for good', () => {
  agrees(new Uint8Array(5_000_000));
  assert.ok(writer.view().buffer.byteLength > 5_000_000);
  encode(null);
  assert.ok(writer.view().buffer.byteLength < 10_000);
});

test('an encoding that was given up leaves nothing in the next', () => {
  writer.begin();
  writer.array(7);
  assert.deepEqual(encode(null), new Uint8Array([0xc0]));
});
