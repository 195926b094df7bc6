import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fromJson, goldenFiles, goldenFolder, readGolden } from '../testing/golden.ts';
import { unions } from '../testing/schema-tables.ts';

for (const [file, { encode, decode }] of Object.entries(goldenFiles)) {
  for (const { name, value, hex } of readGolden(file)) {
    test(`${file}: ${name} has the bytes it always had`, () => {
      assert.equal(Buffer.from(encode(fromJson(value))).toString('hex'), hex);
      assert.deepEqual(decode(new Uint8Array(Buffer.from(hex, 'hex'))), fromJson(value));
    });
  }
}

test('every golden file is tested', () => {
  assert.deepEqual(
    readdirSync(goldenFolder).toSorted(),
    Object.keys(goldenFiles)
      .map((name) => `${name}.json`)
      .toSorted(),
  );
});

test('every operation, result, event and message has golden bytes', () => {
  assert.deepEqual(uncovered('operation', 'operations'), []);
  assert.deepEqual(uncovered('result', 'results'), []);
  assert.deepEqual(uncovered('client', 'client-frames'), []);
  assert.deepEqual(uncovered('member', 'member-frames'), []);
  assert.deepEqual(uncovered('KeyEvent', 'events'), []);
});

/** Cases of the union of which no sample of the file holds one. */
function uncovered(union: string, file: string): string[] {
  const covered = new Set(readGolden(file).flatMap(({ value }) => typesIn(value)));
  return unions[union]!.cases.map(({ name }) => name).filter((name) => !covered.has(name));
}

/** A sample is an operation or a result, a frame of messages, or the events of a revision. */
function typesIn(sample: unknown): unknown[] {
  if (Array.isArray(sample)) return sample.flatMap(typesIn);
  const { type, events } = sample as { readonly type?: unknown; readonly events?: unknown };
  return type === undefined ? typesIn(events ?? []) : [type];
}
