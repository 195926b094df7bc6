import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileCache } from './file-cache.ts';

function file(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'conclave-cache-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'below', 'limits.cache');
}

test('a file has what was saved last, for its owner alone, and nothing is left beside it', async (context) => {
  const path = file(context);
  const cache = fileCache(path);
  assert.equal(await cache.load(), null);
  await cache.save('first');
  await cache.save('second\n\u{1F600}');
  assert.equal(await cache.load(), 'second\n\u{1F600}');
  assert.equal(statSync(path).mode & 0o077, 0);
  assert.deepEqual(readdirSync(join(path, '..')), ['limits.cache']);
});

test('a file that lost or changed any byte is refused', async (context) => {
  const path = file(context);
  const cache = fileCache(path);
  await cache.save('{"a":1}');
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 1;
    for (const damaged of [changed, whole.subarray(0, at)]) {
      writeFileSync(path, damaged);
      await assert.rejects(cache.load(), { code: 'INVALID_ARGUMENT' }, `byte ${at}`);
    }
  }
});

test('a save that fails leaves the old one', async (context) => {
  const path = file(context);
  const cache = fileCache(path);
  await cache.save('first');
  // A folder stands where the file should be renamed to.
  const other = fileCache(join(path, '..'));
  await assert.rejects(other.save('second'));
  assert.equal(await cache.load(), 'first');
  assert.deepEqual(readdirSync(join(path, '../..')), ['below']);
});
