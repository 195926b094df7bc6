// A crash at every step of an initialisation and of a restore. kill -9 leaves what the page cache holds, and that is what a copy of the directory
// taken at that moment is; power losses are in power-loss.test.ts.
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import promises from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { bytes, founders, position, text } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { type InitOptions, initStorage, type RestoredState } from '../init.ts';
import type { StateStore } from '../storage.ts';
import { crashes } from './crashes.ts';
import { identity, reopen, temporaryPlace } from './directories.ts';

const options = { ...identity, reserveBytes: 1_000, configuration: founders } satisfies Omit<InitOptions, 'directory'>;

const checkpoint = { position: position(7, 2), configuration: founders, digest: bytes('digest') };

const restored: RestoredState = {
  position: checkpoint.position,
  writeInto: async (state: StateStore) => {
    for (const name of ['a', 'b', 'c']) {
      // A step of its own: the crash comes between two batches.
      await (await promises.open('/dev/null')).close();
      await state.checkpoint({ ...checkpoint, changes: [{ key: bytes(name), value: bytes('value') }] });
    }
  },
};

test('a crash at any step of an initialisation leaves nothing or a member, and the next one begins where nothing was', async (context) => {
  const directory = join(await temporaryPlace(context), 'member');
  const copies = await crashes(directory, async () => initStorage({ ...options, directory }));
  let whole = 0;
  for (const copy of copies) {
    if (existsSync(join(copy, 'member.json'))) {
      whole++;
      await assert.rejects(initStorage({ ...options, directory: copy }), refusedAs('already-initialised'));
    } else {
      await assert.rejects(reopen(copy), refusedAs('not-initialised'));
      await initStorage({ ...options, directory: copy });
    }
    await (await reopen(copy)).close();
  }
  assert.ok(copies.length >= 12 && whole >= 1, `${copies.length} steps, of which ${whole} behind the last`);
});

test('a crash at any step of a restore leaves nothing, a restore to be repeated, or a whole member; never an empty member in its place', async (context) => {
  const directory = join(await temporaryPlace(context), 'member');
  const copies = await crashes(directory, async () => initStorage({ ...options, directory, restored }));
  const seen = { nothing: 0, half: 0, whole: 0 };
  for (const copy of copies) {
    const names = existsSync(copy) ? readdirSync(copy) : [];
    if (names.includes('member.json')) {
      seen.whole++;
      await assert.rejects(initStorage({ ...options, directory: copy, restored }), refusedAs('already-initialised'));
    } else if (names.length > 0) {
      seen.half++;
      await assert.rejects(reopen(copy), refusedAs('half-restored'));
      await assert.rejects(initStorage({ ...options, directory: copy }), refusedAs('half-restored'));
      await initStorage({ ...options, directory: copy, restored });
    } else {
      seen.nothing++;
      await assert.rejects(reopen(copy), refusedAs('not-initialised'));
      await initStorage({ ...options, directory: copy, restored });
    }
    const storage = await reopen(copy);
    assert.deepEqual(storage.log.recovered.base, checkpoint.position);
    assert.equal(storage.log.recovered.hardState.commit, 7);
    assert.deepEqual(storage.state.checkpointed?.position, checkpoint.position);
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => text(storage.state.get(bytes(name)))),
      ['value', 'value', 'value'],
    );
    await storage.close();
  }
  assert.ok(seen.nothing >= 1 && seen.half >= 12 && seen.whole >= 1, JSON.stringify(seen));
});

test('a restore refuses a directory that holds anything, and changes nothing in it', async (context) => {
  const directory = await temporaryPlace(context);
  await promises.writeFile(join(directory, 'thesis.tex'), 'x');
  await assert.rejects(initStorage({ ...options, directory, restored }), refusedAs('foreign-directory'));
  assert.deepEqual(readdirSync(directory), ['thesis.tex']);
});

test('a restore whose state ends somewhere else than its log begins is a defect, and leaves no member', async (context) => {
  const directory = join(await temporaryPlace(context), 'member');
  const wrong = { ...restored, position: position(8, 2) };
  await assert.rejects(initStorage({ ...options, directory, restored: wrong }), refusedAs('misuse'));
  await assert.rejects(reopen(directory), refusedAs('half-restored'));
});
