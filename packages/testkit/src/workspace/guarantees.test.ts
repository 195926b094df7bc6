// docs/guarantees.md promises nothing that is not checked: what it names as a check is there.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './packages.ts';

const document = readFileSync(join(root, 'docs/guarantees.md'), 'utf8');

/** Each with its heading, from P1 on. */
function promises(): { readonly title: string; readonly text: string }[] {
  const [, ...sections] = document.split(/^## /m);
  return sections
    .map((text) => ({ title: text.split('\n')[0] ?? '', text }))
    .filter(({ title }) => title !== 'What everything rests on');
}

interface Check {
  readonly file: string;
  readonly title: string;
}

function checksOf(text: string): Check[] {
  return [...text.matchAll(/^- `(?<file>[^`]+)`: \*(?<title>.+)\*$/gm)].map(({ groups }) => ({
    file: groups?.['file'] ?? '',
    title: groups?.['title'] ?? '',
  }));
}

/** A formatter may put it in either kind of quotes; a title in a template holds what follows a colon. */
function names({ file, title }: Check): boolean {
  return existsSync(join(root, file)) && readFileSync(join(root, file), 'utf8').includes(title);
}

test('every promise says what checks it and what it does not promise', () => {
  const titles = promises().map(({ title }) => title);
  for (const number of [1, 2, 3, 4, 5, 6, 7]) {
    const section = promises().find(({ title }) => title.startsWith(`P${number}: `));
    assert.ok(section !== undefined, `P${number} is not among ${titles.join('; ')}`);
    assert.match(section.text, /\*\*Not promised\*\*/, section.title);
  }
  assert.deepEqual(
    promises()
      .filter(({ text }) => checksOf(text).length === 0)
      .map(({ title }) => title),
    [],
  );
});

test('what a promise names as its check is in the file that it names', () => {
  const checks = promises().flatMap(({ text }) => checksOf(text));
  assert.deepEqual(
    checks.filter((check) => !names(check)).map(({ file, title }) => `${file}: ${title}`),
    [],
  );
  const listed = document.split('\n').filter((line) => line.startsWith('- `packages/')).length;
  assert.equal(checks.length, listed, 'a line names a file and a title');
});
