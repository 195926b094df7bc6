// Style kept by a test, so that reviews can be about the code (after TigerBeetle's tidy.zig).
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root, workspacePackages } from './packages.ts';

const files = workspacePackages().flatMap((pkg) => pkg.files);

/** One concept a file. A test file may be longer: it is read by the case. */
const maxSourceLines = 450;
const maxTestLines = 900;

test('no file is longer than a concept', () => {
  const long = files
    .map((file) => ({ path: file.path, lines: file.text.split('\n').length, isTest: file.isTest }))
    .filter(({ lines, isTest }) => lines > (isTest ? maxTestLines : maxSourceLines))
    .map(({ path, lines }) => `${path}: ${lines} lines`);
  assert.deepEqual(long, []);
});

test('no name says nothing', () => {
  const empty = /\/(utils?|helpers?|common|misc|managers?|stuff)(\.|\/)/;
  assert.deepEqual(
    files.map((file) => file.path).filter((path) => empty.test(path)),
    [],
  );
});

test('no check is silenced and nothing is left for later without a reason', () => {
  const silenced =
    /\b(TODO|FIXME|XXX)\b(?! \(#\d+\))|@ts-(ignore|nocheck)|(oxlint|eslint)-disable(?!-next-line \S+ -- )/;
  const wrong = files
    .filter((file) => !file.path.endsWith('tidy.test.ts'))
    .flatMap((file) =>
      file.text
        .split('\n')
        .filter((line) => silenced.test(line))
        .map((line) => `${file.path}: ${line.trim()}`),
    );
  assert.deepEqual(wrong, []);
});

test('no barrel but a package index', () => {
  const barrels = files
    .filter(
      (file) => file.path.endsWith('/index.ts') && !/^packages\/[^/]+\/src(\/testing)?\/index\.ts$/.test(file.path),
    )
    .map((file) => file.path);
  assert.deepEqual(barrels, []);
});

const texts = ['README.md', 'LICENSE', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'];
const design = ['package.json', 'tsconfig.json', 'packages', 'docs', 'deploy', 'turbo.json', 'pnpm-workspace.yaml'];

test('the top of the tree holds what the design names and nothing else', () => {
  const expected = new Set([...design, ...texts, 'pnpm-lock.yaml', 'node_modules']);
  const extra = readdirSync(root).filter((name) => !name.startsWith('.') && !expected.has(name));
  assert.deepEqual(extra, []);
  assert.deepEqual(
    texts.filter((name) => !existsSync(join(root, name))),
    [],
  );
});
