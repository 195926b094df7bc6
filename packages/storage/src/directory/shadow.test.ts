import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytes, entries, founders, index, job, plain, position } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { flipByte, identity, newDirectory, newestFile, reopen } from '../torture/directories.ts';
import { exited, linesOf, start } from '../torture/processes.ts';
import { shadowOf } from './shadow.ts';

/** Of every file: what is in it, and when that was changed. */
async function fingerprint(directory: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mtimeNs } = await stat(path, { bigint: true });
    const content = entry.isFile()
      ? createHash('sha256')
          .update(await readFile(path))
          .digest('hex')
      : 'directory';
    found[path] = `${content} ${mtimeNs}`;
  }
  return found;
}

async function fill(directory: string): Promise<void> {
  for (const [first, last] of [
    [1, 20],
    [21, 40],
  ] as const) {
    // Opened twice, so that there are tables beside the logs.
    const storage = await reopen(directory);
    await storage.log.persist([job({ term: 1, entries: entries(first, last, 1, 500) })]);
    const changes = [{ key: bytes('k'), value: bytes(`${last}`) }];
    await storage.state.checkpoint({
      position: position(last, 1),
      configuration: founders,
      digest: bytes('d'),
      changes,
    });
    await storage.close();
  }
}

test('a shadow opens as the directory would, is written into, and leaves not a byte and not a time of it changed', async (context) => {
  const directory = await newDirectory(context);
  await fill(directory);
  const before = await fingerprint(directory);
  {
    await using shadow = await shadowOf(directory);
    const storage = await reopen(shadow.directory);
    assert.deepEqual(plain(await storage.log.read(index(1), index(40), 1e9)), entries(1, 40, 1, 500));
    await storage.log.persist([job({ term: 2, entries: entries(41, 60, 2) })]);
    await storage.close();
  }
  assert.deepEqual(await fingerprint(directory), before);
});

test('damage is found in the shadow, under the name of the directory, and is there to be found again', async (context) => {
  const directory = await newDirectory(context);
  await fill(directory);
  await flipByte(await newestFile(join(directory, 'log'), '.ldb'), 100);
  const before = await fingerprint(directory);
  for (let round = 0; round < 2; round++) {
    await using shadow = await shadowOf(directory);
    const error = await reopen(shadow.directory).then(
      () => null,
      (found: unknown) => shadow.explain(found),
    );
    assert.ok(refusedAs('corrupt')(error));
    assert.ok(!String(error).includes(shadow.directory), String(error));
  }
  assert.deepEqual(await fingerprint(directory), before);
});

test('a directory that another process opens after its shadow was made keeps the shadow from opening', async (context) => {
  const directory = await newDirectory(context);
  await using shadow = await shadowOf(directory);
  const child = start('./writer.process.ts', [directory, '1000', '0']);
  context.after(() => child.kill('SIGKILL'));
  for await (const _ of linesOf(child)) break;
  await assert.rejects(reopen(shadow.directory), refusedAs('locked'));
  child.kill('SIGKILL');
  await exited(child);
});

test('a directory that another process has open has no shadow, and its process does not notice', async (context) => {
  const directory = await newDirectory(context);
  const child = start('./writer.process.ts', [directory, '1000', '0']);
  context.after(() => child.kill('SIGKILL'));
  let seen = 0;
  for await (const _ of linesOf(child)) {
    if (++seen % 10 > 0) continue;
    // The writer writes on while we look at its files.
    await assert.rejects(shadowOf(directory), refusedAs('locked'));
    if (seen >= 60) break;
  }
  child.kill('SIGKILL');
  await exited(child);
  const storage = await reopen(directory, identity);
  assert.ok(storage.log.tail >= seen - 1);
  await storage.close();
});

test('a directory that this process has open has no shadow', async (context) => {
  const directory = await newDirectory(context);
  const storage = await reopen(directory);
  await assert.rejects(shadowOf(directory), refusedAs('locked'));
  await storage.close();
});
