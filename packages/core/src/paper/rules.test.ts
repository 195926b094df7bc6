import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const folder = new URL('./', import.meta.url);

interface Rule {
  readonly section: string;
  readonly file: string;
  readonly test: string;
}

const rules: Rule[] = readFileSync(new URL('README.md', folder), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, section, file, name] = /^\| (\d[\d.]*) \| .+ \| \[[\w/-]+\]\(([\w./-]+)\): (.+) \|$/.exec(line) ?? [];
    return section === undefined || file === undefined || name === undefined ? [] : [{ section, file, test: name }];
  });

/** The names of the tests of a file, as they stand in the source. */
function testsOf(file: string): string[] {
  const source = readFileSync(new URL(file, folder), 'utf8');
  return [...source.matchAll(/\btest\(\s*(['`"])(.+?)\1,/gs)].map(([, , name]) => (name ?? '').replaceAll("\\'", "'"));
}

test('every rule of the paper names a test that exists', () => {
  assert.ok(rules.length >= 80, `only ${rules.length} lines of the table were understood`);
  const missing = rules.filter((rule) => !testsOf(rule.file).includes(rule.test));
  assert.deepEqual(missing, []);
});

test('every test of a section stands in the table', () => {
  const files = readdirSync(folder).filter((file) => file.startsWith('section-'));
  const unnamed = files.flatMap((file) =>
    testsOf(file).filter((name) => !rules.some((rule) => rule.file === file && rule.test === name)),
  );
  assert.deepEqual(unnamed, []);
});

test('the table goes through the sections in order, and leaves none out', () => {
  const sections = [...new Set(rules.map(({ section }) => section))];
  assert.deepEqual(sections, ['5.1', '5.2', '5.3', '5.4.1', '5.4.2', '5.4.3', '5.5', '5.6', '6', '7']);
});
