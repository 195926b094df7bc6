import assert from 'node:assert/strict';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bytes, entries, founders, job, position } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { flipByte, newDirectory, reopen, temporaryPlace } from '../torture/directories.ts';
import { openSnapshotFile, type SnapshotSummary, writeSnapshotFile } from './snapshot-file.ts';

/** Large enough for several chunks, one of them holding a part of a value. */
const changes = [
  ...Array.from({ length: 40 }, (_, at) => ({ key: bytes(`key-${at + 10}`), value: Buffer.alloc(5_000, at) })),
  { key: bytes('long'), value: Buffer.alloc(300_000, 7) },
];

async function saved(context: TestContext): Promise<{ path: string; summary: SnapshotSummary }> {
  const storage = await reopen(await newDirectory(context));
  context.after(async () => storage.close());
  await storage.log.persist([job({ term: 1, entries: entries(1, 1, 1) })]);
  await storage.state.checkpoint({
    position: position(1, 1),
    configuration: founders,
    digest: bytes('digest'),
    changes,
  });
  const path = join(await temporaryPlace(context), 'backup');
  const exported = await storage.snapshots.export();
  const summary = await writeSnapshotFile(path, exported.chunks());
  await exported.release();
  return { path, summary };
}

async function readAll(path: string): Promise<[string, number][]> {
  await using file = await openSnapshotFile(path);
  const found: [string, number][] = [];
  for await (const records of file.records()) {
    for (const { key, value } of records) found.push([Buffer.from(key).toString(), value.length]);
  }
  return found;
}

test('a snapshot comes out of its file as it went in, and nothing else is left beside the file', async (context) => {
  const { path, summary } = await saved(context);
  assert.deepEqual(
    await readAll(path),
    changes.map(({ key, value }) => [Buffer.from(key).toString(), value.length]),
  );
  assert.equal(summary.records, changes.length);
  assert.ok(summary.chunks >= 4);
  assert.equal(summary.fileBytes, (await readFile(path)).length);
  assert.ok(summary.head.savedAtMs > 0);
  assert.deepEqual(await readdir(join(path, '..')), ['backup']);
});

test('a file that is cut anywhere, has a byte flipped anywhere, or goes on behind its end, is refused by name', async (context) => {
  const { path, summary } = await saved(context);
  const whole = await readFile(path);
  const headBytes = whole.indexOf('CCLS', 4, 'latin1');
  const step = Math.floor(whole.length / 60);
  const places = [
    ...Array.from({ length: headBytes + 20 }, (_, at) => at),
    ...Array.from({ length: 60 }, (_, at) => headBytes + at * step),
    ...Array.from({ length: 60 }, (_, at) => whole.length - 1 - at),
  ].filter((at) => at < whole.length);
  const refused = (error: unknown): boolean => {
    const { code } = error as { readonly code?: string };
    // The format stands in the first bytes of each chunk, and a flipped one is a format that nobody knows.
    assert.ok(code === 'bad-snapshot' || code === 'unknown-format', String(error));
    return true;
  };
  for (const at of places) {
    await flipByte(path, at);
    await assert.rejects(readAll(path), refused, `byte ${at} flipped`);
    await flipByte(path, at);
  }
  for (const at of places.toReversed()) {
    await writeFile(path, whole);
    await truncate(path, at);
    await assert.rejects(readAll(path), refused, `cut to ${at} bytes`);
  }
  await writeFile(path, Buffer.concat([whole, Buffer.from([0])]));
  await assert.rejects(readAll(path), refusedAs('bad-snapshot'));
  await writeFile(path, whole);
  assert.equal((await readAll(path)).length, summary.records);
});

test('a stream that breaks off, or is damaged on its way, leaves the older file, and nothing beside it', async (context) => {
  const { path } = await saved(context);
  const before = await readFile(path);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < before.length; ) {
    const end = at + 18 + before.readUInt32BE(at + 10);
    chunks.push(before.subarray(at, end));
    at = end;
  }
  async function* stream(...parts: readonly (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
    for (const part of parts) {
      if (part instanceof Error) throw part;
      yield part;
    }
  }
  const flipped = new Uint8Array(chunks[1]!);
  flipped[100]! ^= 1;
  await assert.rejects(writeSnapshotFile(path, stream(chunks[0]!, flipped)), refusedAs('bad-snapshot'));
  await assert.rejects(writeSnapshotFile(path, stream(...chunks.slice(0, -1))), refusedAs('bad-snapshot'));
  await assert.rejects(writeSnapshotFile(path, stream(chunks[0]!, new Error('gone'))), /gone/);
  assert.deepEqual(await readFile(path), before);
  assert.deepEqual(await readdir(join(path, '..')), ['backup']);
});
