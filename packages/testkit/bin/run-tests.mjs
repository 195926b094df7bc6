#!/usr/bin/env node
// `run-tests.mjs [--file-seconds N] [PART | FILE]…` runs every test of the workspace, or those whose path contains a PART, or the FILE
// whose absolute path is given; each file in a process of its own. Ends with one line `N passed, N failed, N skipped` and fails when
// anything failed, when a file holds no test, when there was no test at all, when a process was left behind, and, with
// CONCLAVE_REQUIRE=all, when a test was skipped: on the machine that guards the project nothing may be left out silently.
//
// Start it as the npm scripts do: `node --import tsx --conditions=conclave-source packages/testkit/bin/run-tests.mjs`. The test
// processes inherit those flags, which is how they run TypeScript from the packages' sources.
import { readdirSync } from 'node:fs';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { run } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspect, parseArgs } from 'node:util';
import { commandOf, endFamily, killIfThere, livingOf } from '../src/processes/family.ts';
import { guard } from '../src/processes/guardian.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const requireAll = process.env.CONCLAVE_REQUIRE === 'all';

/** A test that hangs is a failure, not a run that never ends. Single slow tests set a smaller one of their own. */
const defaultFileSeconds = 5 * 60;
const filesAtOnce = 2;
/** What takes a moment to end after its file may have it. */
const lingerMs = 5_000;

const { positionals, values } = parseArgs({ allowPositionals: true, options: { 'file-seconds': { type: 'string' } } });
const fileTimeoutMs = Number(values['file-seconds'] ?? defaultFileSeconds) * 1_000;
const parts = positionals.filter((argument) => !isAbsolute(argument));
const named = positionals.filter((argument) => isAbsolute(argument));
const found = readdirSync(join(root, 'packages'))
  .flatMap((name) => testFiles(join(root, 'packages', name, 'src')))
  .filter((file) => positionals.length === 0 || parts.some((part) => relative(root, file).includes(part)));
const files = [...found, ...named];

/** Of the test processes and all that they start; they end with this one, however it ends. */
const { family } = guard();

const count = { passed: 0, failed: 0, skipped: 0 };
/** Milliseconds of the tests of each file. */
const spent = new Map();
const slowFilesShown = 10;
const started = performance.now();

if (files.length > 0) {
  process.execArgv.push('--import', new URL('end-of-file.mjs', import.meta.url).href);
  const stream = run({ files, concurrency: filesAtOnce, timeout: fileTimeoutMs });
  for (const outcome of ['test:pass', 'test:fail']) stream.on(outcome, spend);
  stream.on('test:pass', (event) => (event.skip === undefined ? pass(event) : skip(event)));
  stream.on('test:fail', fail);
  stream.on('test:stderr', ({ message }) => process.stderr.write(message));
  stream.on('test:stdout', ({ message }) => process.stdout.write(message));
  for await (const _ of stream);
}
await nothingLeft();

const nothing = count.passed === 0;
if (nothing) console.error('no test ran: that is a failure');
const seconds = ((performance.now() - started) / 1000).toFixed(1);
const slowest = [...spent]
  .toSorted(([, a], [, b]) => b - a)
  .slice(0, files.length > slowFilesShown ? slowFilesShown : 0);
for (const [file, ms] of slowest) console.log(`${(ms / 1000).toFixed(1).padStart(7)} s  ${relative(root, file)}`);
console.log(`${files.length} files in ${seconds} s`);
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exitCode = nothing || count.failed > 0 || (requireAll && count.skipped > 0) ? 1 : 0;

function spend({ details, file, nesting }) {
  if (nesting === 0 && file !== undefined) spent.set(file, (spent.get(file) ?? 0) + details.duration_ms);
}

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
  if (files.includes(event.name) && error?.failureType === 'testTimeoutFailure') endFile(event.name);
  count.failed++;
  const detail = event.reason ?? inspect(error?.cause ?? error, { depth: 6 });
  console.log(`FAIL ${title(event)}\n${detail.replaceAll(/^/gm, '     ')}`);
}

/** Its time is up. It was asked to end, which one that is busy or deaf does not hear; what it started ends with it, by its guardian. */
function endFile(file) {
  for (const pid of livingOf(family)) if (commandOf(pid).split(' ').includes(file)) killIfThere(pid);
}

async function nothingLeft() {
  const deadline = performance.now() + lingerMs;
  while (livingOf(family).length > 0 && performance.now() < deadline) await delay(20);
  const left = livingOf(family).map(commandOf);
  if (left.length === 0) return;
  count.failed++;
  console.log(`FAIL left running by a test, and killed now:\n${left.map((line) => `     ${line}`).join('\n')}`);
  await endFamily(family);
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
