// Who may import whom. The compiler's project references stop a package from importing what it does not reference; this test
// holds the references themselves, the manifests and what a compiler cannot see (type-only arrows, no Node in portable code)
// against the table that docs/architecture.md explains.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importStatements, root, type SourceFile, type WorkspacePackage, workspacePackages } from './packages.ts';

const everything = '*';

/** What a package's published source may import of ours; a name after `types:` only with `import type`. */
const mayImport: Readonly<Record<string, readonly string[] | typeof everything>> = {
  core: [],
  protocol: [],
  storage: ['types:core'],
  'state-machine': ['protocol'],
  member: ['core', 'protocol', 'state-machine', 'types:storage'],
  server: ['member', 'storage', 'protocol'],
  client: ['protocol'],
  load: ['client'],
  cli: ['client', 'server', 'storage', 'load'],
  dashboard: ['client'],
  sim: ['member', 'client', 'core', 'state-machine', 'protocol', 'storage'],
  testkit: everything,
  bench: everything,
};

/** An entry point of its own may reach further than the rest of its package. */
const entryMayImport: Readonly<Record<string, readonly string[]>> = {
  'packages/client/src/testing/': ['member', 'state-machine', 'core', 'protocol'],
};

/** Run in a browser tab as they are. The client reaches its socket through the conditional import `#websocket`; its cache in a file is an entry of its own. */
const portable = new Set(['core', 'protocol', 'state-machine', 'member', 'client']);
const nodeOnlyFiles = new Set(['packages/client/src/websocket.node.ts', 'packages/client/src/file-cache.ts']);

const privateToTests = new Set(['sim', 'testkit', 'bench']);

const packages = workspacePackages();

for (const pkg of packages) {
  test(`${pkg.name} imports of ours only what the design allows`, () => {
    const rule = mayImport[pkg.name];
    assert.ok(rule, `packages/${pkg.name} is not in the table of packages: add it there and to docs/architecture.md`);
    const wrong = pkg.files
      .filter((file) => !file.isTest)
      .flatMap((file) =>
        ownImports(file)
          .filter(({ name, typeOnly }) => !allowed(file, name, typeOnly))
          .map(({ name, typeOnly }) => `${file.path} imports ${typeOnly ? 'types of ' : ''}${name}`),
      );
    assert.deepEqual(wrong, []);
  });

  test(`${pkg.name} declares the workspace packages that its source imports`, () => {
    const published = new Set(
      pkg.files.filter((file) => !file.isTest).flatMap((file) => ownImports(file).map(({ name }) => name)),
    );
    const declared = new Set(
      [...Object.keys(pkg.manifest.dependencies ?? {}), ...Object.keys(pkg.manifest.devDependencies ?? {})]
        .filter((name) => name.startsWith('@conclave/'))
        .map((name) => name.slice('@conclave/'.length)),
    );
    assert.deepEqual(
      [...published].filter((name) => !declared.has(name)),
      [],
    );
  });
}

test('portable packages import nothing of Node', () => {
  const wrong = packages
    .filter((pkg) => portable.has(pkg.name))
    .flatMap((pkg) => pkg.files)
    .filter((file) => !file.isTest && !nodeOnlyFiles.has(file.path))
    .flatMap((file) => file.imports.filter(({ specifier }) => specifier.startsWith('node:')).map(() => file.path));
  assert.deepEqual(wrong, []);
});

test('core is pure: no clock, no timer, no randomness, no promise', () => {
  const impure =
    /\b(Date\.now|new Date|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|queueMicrotask|Promise|async|await)\b/;
  const wrong = packages
    .filter((pkg) => pkg.name === 'core' || pkg.name === 'state-machine')
    .flatMap((pkg) => pkg.files)
    .filter((file) => !file.isTest)
    .flatMap((file) =>
      withoutComments(file.text)
        .split('\n')
        .filter((line) => impure.test(line))
        .map((line) => `${file.path}: ${line.trim()}`),
    );
  assert.deepEqual(wrong, []);
});

test('nothing imports sim, testkit or bench', () => {
  const wrong = packages
    .filter((pkg) => !privateToTests.has(pkg.name))
    .flatMap((pkg) => pkg.files)
    .flatMap((file) => ownImports(file).map(({ name }) => [file.path, name] as const))
    .filter(([, name]) => privateToTests.has(name));
  assert.deepEqual(wrong, []);
});

test('every package and its tests are projects of the root tsconfig.json', () => {
  const listed = readFileSync(join(root, 'tsconfig.json'), 'utf8');
  const missing = packages
    .flatMap((pkg) => [`packages/${pkg.name}`, `packages/${pkg.name}/tsconfig.test.json`])
    .filter((path) => existsSync(join(root, path.endsWith('.json') ? path : `${path}/tsconfig.json`)))
    .filter((path) => !listed.includes(`"${path}"`));
  assert.deepEqual(missing, []);
});

test('the reader of imports sees each shape of statement', () => {
  const text = [
    "import { a } from '@conclave/core';",
    "import type { B } from './b.ts';",
    'import {',
    '  c,',
    "} from 'c';",
    "export { d } from './d.ts';",
    "export type { E } from './e.ts';",
    "import './effect.ts';",
    "const f = await import('node:fs');",
  ].join('\n');
  assert.deepEqual(importStatements(text), [
    { specifier: '@conclave/core', typeOnly: false },
    { specifier: './b.ts', typeOnly: true },
    { specifier: 'c', typeOnly: false },
    { specifier: './d.ts', typeOnly: false },
    { specifier: './e.ts', typeOnly: true },
    { specifier: './effect.ts', typeOnly: false },
    { specifier: 'node:fs', typeOnly: false },
  ]);
});

function ownImports(file: SourceFile): { name: string; typeOnly: boolean }[] {
  return file.imports
    .filter(({ specifier }) => specifier.startsWith('@conclave/'))
    .map(({ specifier, typeOnly }) => ({ name: specifier.split('/')[1] as string, typeOnly }));
}

function allowed(file: SourceFile, name: string, typeOnly: boolean): boolean {
  const own = packageOf(file).name;
  if (name === own) return false;
  const entry = Object.entries(entryMayImport).find(([folder]) => file.path.startsWith(folder));
  if (entry?.[1].includes(name)) return true;
  const rule = mayImport[own];
  if (rule === undefined) return false;
  return rule === everything || rule.includes(name) || (typeOnly && rule.includes(`types:${name}`));
}

function packageOf(file: SourceFile): WorkspacePackage {
  return packages.find((pkg) => file.path.startsWith(`packages/${pkg.name}/`)) as WorkspacePackage;
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/\/\/.*$/gm, '');
}
