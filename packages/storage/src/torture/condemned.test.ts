// A directory of which a peer has said that it lost what it acknowledged: it must never be opened to vote again, whatever ends the process.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { entries, index, job, plain } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { condemnDirectory } from '../directory/condemned.ts';
import { shadowOf } from '../directory/shadow.ts';
import { initStorage } from '../init.ts';
import { readIdentity } from '../open.ts';
import { crashes } from './crashes.ts';
import { identity, newDirectory, reopen } from './directories.ts';

const verdict = { by: 2, atMs: Date.UTC(2026, 0, 2, 3, 4, 5) };

test('a condemned directory is refused, also while it is open, with who said it and what to do; and nothing else in it is changed', async (context) => {
  const directory = await newDirectory(context);
  const storage = await reopen(directory);
  await storage.log.persist([job({ term: 1, entries: entries(1, 5, 1) })]);
  await condemnDirectory(directory, verdict);
  await assert.rejects(reopen(directory), refusedAs('lost-acknowledged'));
  await storage.close();

  const manifest = await readFile(join(directory, 'log', 'CURRENT'));
  for (let round = 0; round < 2; round++) {
    await assert.rejects(reopen(directory), (error: Error) => {
      assert.ok(refusedAs('lost-acknowledged')(error));
      assert.match(error.message, /as member 2 said at 2026-01-02T03:04:05\.000Z, and must not vote any more/);
      assert.match(error.message, /`conclave member replace`/);
      return true;
    });
  }
  // LevelDB begins a new MANIFEST with every open.
  assert.deepEqual(await readFile(join(directory, 'log', 'CURRENT')), manifest);
  await assert.rejects(
    initStorage({ ...identity, directory, configuration: storage.log.recovered.configuration }),
    refusedAs('already-initialised'),
  );
});

test('a crash at any step of the verdict leaves a member that can hear it again, or one that is refused', async (context) => {
  const directory = await newDirectory(context);
  const copies = await crashes(directory, async () => condemnDirectory(directory, verdict));
  const seen = { without: 0, condemned: 0 };
  for (const copy of [...copies, directory]) {
    if (existsSync(join(copy, 'member.json.lost'))) {
      seen.condemned++;
      await assert.rejects(reopen(copy), refusedAs('lost-acknowledged'));
    } else {
      seen.without++;
      await (await reopen(copy)).close();
    }
  }
  // Before the file, before its directory is synced, and at the end.
  assert.deepEqual(seen, { without: 1, condemned: 2 });
});

test('the name alone counts: a full disk or a crash may have left nothing in it', async (context) => {
  for (const content of ['', '{"by":2,"at"', '\u0000\u0000\u0000']) {
    const directory = await newDirectory(context);
    await writeFile(join(directory, 'member.json.lost'), content);
    await assert.rejects(reopen(directory), refusedAs('lost-acknowledged'), JSON.stringify(content));
  }
});

test('who only reads may read it, in its shadow, and is told', async (context) => {
  const directory = await newDirectory(context);
  const before = await reopen(directory);
  await before.log.persist([job({ term: 1, entries: entries(1, 5, 1) })]);
  await before.close();
  await condemnDirectory(directory, verdict);
  assert.equal((await readIdentity(directory)).memberId, identity.memberId);

  await using shadow = await shadowOf(directory);
  await assert.rejects(reopen(shadow.directory), refusedAs('lost-acknowledged'));
  const storage = await reopen(shadow.directory, { condemned: 'noted' });
  assert.match(storage.notes.join(), /has lost what it acknowledged, as member 2 said/);
  assert.deepEqual(plain(await storage.log.read(index(1), index(5), 1e9)), entries(1, 5, 1));
  await storage.close();
});
