#!/usr/bin/env node
// Runs every test of the workspace, or those whose path contains one of the arguments, each file in a process of its own.
// Ends with one line `N passed, N failed, N skipped` and fails when anything failed, when a file holds no test, when there was no
// test at all, and, with CONCLAVE_REQUIRE=all, when a test was skipped: on the machine that guards the project nothing may be
// left out silently.
//
// Start it as the npm scripts do: `node --import tsx --conditions=conclave-source packages/testkit/bin/run-tests.mjs`. The test
// processes inherit those flags, which is how they run TypeScript from the packages' sources.
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const filters = process.argv.slice(2);
const requireAll = process.env.CONCLAVE_REQUIRE === 'all';

/** A test that hangs is a failure, not a run that never ends. Single slow tests set a smaller one of their own. */
const fileTimeoutMs = 10 * 60_000;
const filesAtOnce = 2;

const files = readdirSync(join(root, 'packages'))
  .flatMap((name) => testFiles(join(root, 'packages', name, 'src')))
  .filter((file) => filters.length === 0 || filters.some((part) => relative(root, file).includes(part)));

const count = { passed: 0, failed: 0, skipped: 0 };
const started = performance.now();

if (files.length > 0) {
  const stream = run({ files, concurrency: filesAtOnce, timeout: fileTimeoutMs });
  stream.on('test:pass', (event) => (event.skip === undefined ? pass(event) : skip(event)));
  stream.on('test:fail', fail);
  stream.on('test:stderr', ({ message }) => process.stderr.write(message));
  stream.on('test:stdout', ({ message }) => process.stdout.write(message));
  for await (const _ of stream);
}

const nothing = count.passed === 0;
if (nothing) console.error('no test ran: that is a failure');
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`${files.length} files in ${seconds} s`);
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exitCode = nothing || count.failed > 0 || (requireAll && count.skipped > 0) ? 1 : 0;

function pass(event) {
  if (event.details.type === 'suite') return;
  // A file without a test is reported as a test with the file's own name.
  if (event.name === event.file || files.includes(event.name)) return fail({ ...event, reason: 'holds no test' });
  count.passed++;
}

function skip(event) {
  count.skipped++;
  console.log(`SKIP ${title(event)}: ${typeof event.skip === 'string' ? event.skip : 'no reason given'}`);
}

function fail(event) {
  const error = event.details?.error;
  if (error?.failureType === 'subtestsFailed') return;
  count.failed++;
  const detail = event.reason ?? inspect(error?.cause ?? error, { depth: 6 });
  console.log(`FAIL ${title(event)}\n${detail.replaceAll(/^/gm, '     ')}`);
}

function title(event) {
  const file = relative(root, event.file ?? event.name);
  return event.name === event.file ? file : `${file}: ${event.name}`;
}

function testFiles(folder) {
  try {
    return readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => join(folder, name))
      .toSorted();
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}
