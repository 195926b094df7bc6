import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runBank, verdictOn } from './bank.ts';
import { applied, PatchDoesNotApply } from './bug.ts';
import { bugs } from './bugs.ts';
import { PlantedCopy, patchedSources, repository } from './planted-copy.ts';

test('every patch applies, at exactly one place, and changes something', () => {
  for (const { name, edits } of bugs) {
    for (const [file, text] of patchedSources(name, edits)) {
      assert.notEqual(
        text,
        readFileSync(join(repository, 'packages', file), 'utf8'),
        `${name} changes nothing in ${file}`,
      );
    }
  }
});

test('at least twenty bugs, each under a name of its own', () => {
  assert.ok(bugs.length >= 20);
  assert.equal(new Set(bugs.map(({ name }) => name)).size, bugs.length);
});

test('a patch whose text is gone, or there twice, is refused', () => {
  const edit = { file: 'core/src/x.ts', find: 'a', replace: 'b' };
  assert.equal(applied(edit, 'xax', 'bug'), 'xbx');
  assert.throws(() => applied(edit, 'xx', 'bug'), PatchDoesNotApply);
  assert.throws(() => applied(edit, 'xaxa', 'bug'), PatchDoesNotApply);
});

test('a bug is planted into a copy, which goes again', () => {
  const edit = { file: 'core/src/quorum.ts', find: 'Math.floor(size / 2) + 1', replace: 'size - size' };
  const original = readFileSync(join(repository, 'packages', edit.file), 'utf8');
  let directory = '';
  {
    using copy = new PlantedCopy('quorum', [edit]);
    directory = copy.directory;
    assert.match(readFileSync(join(directory, 'packages', edit.file), 'utf8'), /return size - size;/);
  }
  assert.equal(readFileSync(join(repository, 'packages', edit.file), 'utf8'), original);
  assert.equal(existsSync(directory), false);
});

const cheap = ['ack-before-persist', 'largest-instead-of-quorum', 'joint-left-early'];

test('three bugs are found by general invariants, a patch that breaks the program is not, and nothing is found where nothing is planted', async () => {
  const chosen = bugs.filter(({ name }) => cheap.includes(name));
  const edits = [{ file: 'core/src/quorum.ts', find: 'Math.floor(size / 2) + 1', replace: 'noSuchName(size)' }];
  const broken = { name: 'broken', what: '', seenIn: '', edits };
  const gone = { ...broken, name: 'gone', edits: [{ file: 'core/src/quorum.ts', find: 'no such text', replace: '' }] };
  const harmless = {
    ...broken,
    name: 'harmless',
    edits: [{ file: 'core/src/quorum.ts', find: 'Math.floor(size / 2) + 1', replace: '1 + Math.floor(size / 2)' }],
  };
  const options = { starts: 3, from: null, maxSeeds: 30, safetyMs: 5_000, budgetMs: 30_000 };
  const report = await runBank({ ...options, bugs: [...chosen, broken, gone] }, () => {});
  const byName = new Map(report.verdicts.map((verdict) => [verdict.bug, verdict]));
  for (const name of cheap) assert.deepEqual([name, byName.get(name)?.missed], [name, null]);
  assert.match(byName.get('broken')?.missed ?? '', /noSuchName is not defined/);
  assert.match(byName.get('gone')?.missed ?? '', /PatchDoesNotApply/);
  assert.deepEqual([report.control.failure, report.control.seeds], [null, 15]);

  const unfound = await runBank({ ...options, maxSeeds: 2, bugs: [harmless] }, () => {});
  assert.equal(unfound.verdicts[0]?.missed, 'found from 0 of 3 starting seeds');
});

test('the median is of all starting seeds, and one that does not find the bug counts as infinitely many', () => {
  const caught = { seed: 1, by: 'x', says: '' };
  const found = (...needed: (number | null)[]): Parameters<typeof verdictOn>[1] =>
    needed.map((seeds, start) => ({ start, seeds: seeds ?? 9, caught: seeds === null ? null : caught }));
  const bug = { name: 'b', what: '' };
  assert.equal(verdictOn(bug, found(5, 1, 3)).medianSeeds, 3);
  assert.equal(verdictOn(bug, found(5, 1, null)).medianSeeds, 5);
  assert.notEqual(verdictOn(bug, found(5, null, null)).missed, null);
  assert.notEqual(verdictOn(bug, []).missed, null);
});
