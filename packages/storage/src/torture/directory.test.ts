import assert from 'node:assert/strict';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { entries, founders, job, member } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { initStorage } from '../init.ts';
import { flipByte, identity, newDirectory, reopen, temporaryPlace } from './directories.ts';

const init = async (directory: string): Promise<void> =>
  initStorage({ directory, ...identity, reserveBytes: 0, configuration: founders });

test('a directory that is not there, is empty or holds something else is not initialised, and stays as it is', async (context) => {
  const place = await temporaryPlace(context);
  await assert.rejects(reopen(join(place, 'absent')), refusedAs('not-initialised'));
  await assert.rejects(reopen(place), refusedAs('not-initialised'));
  assert.deepEqual(await readdir(place), []);
  await writeFile(join(place, 'thesis.tex'), '');
  await assert.rejects(reopen(place), refusedAs('not-initialised'));
  await assert.rejects(init(place), refusedAs('foreign-directory'));
  assert.deepEqual(await readdir(place), ['thesis.tex']);
});

test('only the owner can look into a data directory', async (context) => {
  const directory = await newDirectory(context);
  const mode = async (name: string): Promise<number> => (await stat(join(directory, name))).mode & 0o777;
  assert.deepEqual([await mode('.'), await mode('log'), await mode('state')], [0o700, 0o700, 0o700]);
  assert.deepEqual([await mode('member.json'), await mode('anchor')], [0o600, 0o600]);
  await chmod(directory, 0o755);
  await (await reopen(directory)).close();
  assert.equal(await mode('.'), 0o700);
});

test('a second initialisation is refused', async (context) => {
  const directory = await newDirectory(context);
  await assert.rejects(init(directory), refusedAs('already-initialised'));
  await (await reopen(directory)).close();
});

test('an initialisation that was interrupted anywhere is recognised, and done again', async (context) => {
  const whole = await newDirectory(context);
  const parts = ['log', 'log/CURRENT', 'state', 'state/CURRENT', 'anchor'];
  for (let missing = 0; missing <= parts.length; missing++) {
    const half = `${whole}-${missing}`;
    await cp(whole, half, { recursive: true });
    await rename(join(half, 'member.json'), join(half, 'member.json.initialising'));
    for (const part of parts.slice(missing)) await rm(join(half, part), { recursive: true, force: true });
    await assert.rejects(reopen(half), refusedAs('not-initialised'));
    await init(half);
    await (await reopen(half)).close();
  }
});

test('a directory without its member.json is refused by an open and by an initialisation', async (context) => {
  const directory = await newDirectory(context);
  await rm(join(directory, 'member.json'));
  await assert.rejects(reopen(directory), refusedAs('corrupt'));
  await assert.rejects(init(directory), refusedAs('corrupt'));
});

test("another member's or another cluster's directory is refused, with both names", async (context) => {
  const directory = await newDirectory(context);
  await assert.rejects(
    reopen(directory, { memberId: member(2) }),
    /belongs to member 1 of cluster "torture", and member 2 of cluster "torture" was asked for/,
  );
  await assert.rejects(reopen(directory, { clusterId: 'other' }), refusedAs('wrong-member'));
});

for (const part of ['log', 'state', 'anchor']) {
  test(`the ${part} of another member, or of another store of this one, is refused`, async (context) => {
    for (const who of [{ ...identity, memberId: member(2) }, identity]) {
      const directory = await newDirectory(context);
      const other = await newDirectory(context, who);
      await rm(join(directory, part), { recursive: true });
      await cp(join(other, part), join(directory, part), { recursive: true });
      await assert.rejects(reopen(directory), refusedAs('wrong-member'));
    }
  });
}

test('an unknown or damaged member.json is refused', async (context) => {
  const directory = await newDirectory(context);
  const file = join(directory, 'member.json');
  const good = await readFile(file, 'utf8');
  await writeFile(file, good.replace('"format": 1', '"format": 2'));
  await assert.rejects(reopen(directory), /format 2, and this release knows 1/);
  for (const bad of ['', '[]', 'null', good.slice(0, -5), good.replace('"memberId": 1', '"memberId": 0')]) {
    await writeFile(file, bad);
    await assert.rejects(reopen(directory), refusedAs('corrupt'));
  }
  await writeFile(file, good);
  await (await reopen(directory)).close();
});

test('one damaged anchor slot is survived; both, or no anchor, are refused', async (context) => {
  const directory = await newDirectory(context);
  const anchor = join(directory, 'anchor');
  let storage = await reopen(directory);
  await storage.log.persist([job({ term: 1, entries: entries(1, 2, 1) })]);
  await storage.close();
  for (const offset of [0, 4096]) {
    const pristine = await readFile(anchor);
    await flipByte(anchor, offset + 50);
    storage = await reopen(directory);
    await storage.close();
    await writeFile(anchor, pristine);
  }
  await flipByte(anchor, 50);
  await flipByte(anchor, 4096 + 50);
  await assert.rejects(reopen(directory), refusedAs('corrupt'));
  await rm(anchor);
  await assert.rejects(reopen(directory), /The anchor file is missing/);
  await writeFile(anchor, '');
  await assert.rejects(reopen(directory), refusedAs('corrupt'));
});

test('a store is not opened twice by one process, whatever name it is given', async (context) => {
  const directory = await newDirectory(context);
  const storage = await reopen(directory);
  const alias = `${directory}-alias`;
  await symlink(directory, alias);
  await assert.rejects(reopen(directory), refusedAs('locked'));
  await assert.rejects(reopen(alias), refusedAs('locked'));
  await assert.rejects(init(directory), refusedAs('locked'));
  await storage.log.persist([job({ term: 1, entries: entries(1, 1, 1) })]);
  await storage.close();
  await (await reopen(alias)).close();
});

test('a missing store directory is refused and not created', async (context) => {
  for (const part of ['log', 'state']) {
    const directory = await newDirectory(context);
    await rm(join(directory, part), { recursive: true });
    await assert.rejects(reopen(directory), refusedAs('corrupt'));
    assert.ok(!(await readdir(directory)).includes(part));
    await mkdir(join(directory, part));
    await assert.rejects(reopen(directory), refusedAs('corrupt'));
  }
});

test('the reserve is made, and made again when it is missing', async (context) => {
  const directory = join(await temporaryPlace(context), 'member');
  const options = { reserveBytes: 3_000_000, lowSpaceBytes: 1 };
  await initStorage({ directory, ...identity, ...options, configuration: founders });
  const reserve = async (): Promise<number> => (await stat(join(directory, 'reserve'))).size;
  assert.equal(await reserve(), options.reserveBytes);
  await rm(join(directory, 'reserve'));
  const storage = await reopen(directory, options);
  assert.equal(await reserve(), options.reserveBytes);
  const space = await storage.space();
  assert.ok(space.reserveIntact && !space.low && space.freeBytes > 0);
  await storage.close();
});
