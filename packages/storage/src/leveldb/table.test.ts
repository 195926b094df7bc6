import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ClassicLevel } from 'classic-level';
import { tableDamage } from './table.ts';

/** A table that LevelDB itself wrote, of several blocks. */
async function realTable(): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'conclave-table-'));
  try {
    const level = new ClassicLevel(directory, { compression: false });
    for (let at = 0; at < 200; at++) await level.put(`key ${at}`, `value ${at} `.repeat(10));
    await level.compactRange('', '~');
    await level.close();
    const name = (await readdir(directory)).find((each) => each.endsWith('.ldb'))!;
    return await readFile(join(directory, name));
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('a table as LevelDB writes it is whole, and each flipped byte, each cut and each gap in it is noticed', async () => {
  const table = await realTable();
  assert.ok(table.length > 3 * 4096, `${table.length} bytes`);
  assert.equal(await tableDamage(table), null);
  for (let at = 0; at < table.length; at++) {
    const damaged = Buffer.from(table);
    damaged[at]! ^= 1 << (at % 8);
    // Between the handles and the magic number, the footer is padded with bytes that mean nothing.
    const padding = at >= table.length - 44 && at < table.length - 8;
    if (!padding) assert.notEqual(await tableDamage(damaged), null, `byte ${at}`);
  }
  for (let length = 0; length < table.length; length += 11)
    assert.notEqual(await tableDamage(table.subarray(0, length)), null);
  assert.notEqual(await tableDamage(Buffer.concat([table.subarray(0, 1000), table.subarray(1005)])), null);
});
