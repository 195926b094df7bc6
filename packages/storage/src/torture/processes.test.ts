import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { entries, founders, index, job, plain } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { initStorage } from '../init.ts';
import { identity, newDirectory, reopen, temporaryPlace } from './directories.ts';
import { exited, hasCommand, linesOf, start } from './processes.ts';
import { SmallDisk } from './small-disk.ts';

const writer = './writer.process.ts';
const lacksStrace = hasCommand('strace') ? false : 'strace is not installed';

/** Runs a writer until it has printed a line for which `enough` says so; returns the lines. */
async function runUntil(
  context: TestContext,
  args: string[],
  enough: (lines: string[]) => boolean,
  prefix: string[] = [],
) {
  const child = start(writer, args, prefix);
  context.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  for await (const line of linesOf(child)) {
    lines.push(line);
    if (enough(lines)) child.kill('SIGKILL');
  }
  await exited(child);
  return lines;
}

async function assertHolds(directory: string, durable: number, size: number): Promise<void> {
  const storage = await reopen(directory);
  assert.ok(storage.log.tail >= durable, `${durable} was printed as durable, and the log ends at ${storage.log.tail}`);
  const found = plain(await storage.log.read(index(1), storage.log.tail, Number.MAX_SAFE_INTEGER));
  assert.deepEqual(found, entries(1, storage.log.tail, 1, size));
  assert.ok((storage.state.checkpointed?.position.index ?? 0) >= durable - (durable % 20) - 20);
  await storage.close();
}

for (const size of [280, 150_000]) {
  test(`after kill -9, again and again, every job of ${size} bytes that was durable is there`, async (context) => {
    const directory = await newDirectory(context);
    let durable = 0;
    for (let round = 1; round <= 4; round++) {
      const lines = await runUntil(context, [directory, String(size), '0'], (seen) => seen.length > 40 * round);
      durable = Number(lines.at(-1));
      await assertHolds(directory, durable, size);
    }
  });
}

test('a directory that another process has open is locked, not damaged, however busy that one is', async (context) => {
  const directory = await newDirectory(context);
  const child = start(writer, [directory, '1000', '0']);
  context.after(() => child.kill('SIGKILL'));
  let seen = 0;
  for await (const _ of linesOf(child)) {
    seen++;
    if (seen < 20 || seen % 10 > 0) continue;
    // The writer writes on while we look at its files.
    await assert.rejects(reopen(directory), (error: unknown) => (error as { code?: string }).code === 'locked');
    // Lines that it printed before it died may still come, and its lock is gone by then.
    if (seen >= 100) break;
  }
  child.kill('SIGKILL');
  await exited(child);
  await assertHolds(directory, seen - 1, 1000);
});

test('one persist is one fdatasync of the log, and an anchor sync only when it is due', {
  skip: lacksStrace,
}, async (context) => {
  const directory = await newDirectory(context);
  const trace = `${directory}-trace`;
  const strace = ['strace', '-f', '-y', '-o', trace, '-e', 'trace=fdatasync,fsync'];
  const jobs = 15;
  const lines = await runUntil(context, [directory, '280', String(jobs)], () => false, strace);
  assert.equal(lines.at(-1), 'closed');
  const calls = (await readFile(trace, 'utf8')).split('\n').filter((line) => /fdatasync\(/.test(line));
  const anchor = calls.filter((line) => line.includes('/anchor>'));
  const log = calls.filter((line) => /\/log\/\d+\.log>/.test(line));
  assert.equal(log.length, jobs);
  // One at the open, one for the change of term, one at the close, and one for each second that strace makes it last.
  assert.ok(anchor.length >= 3 && anchor.length <= 6, `${anchor.length} syncs of the anchor`);
  const firstOfLog = calls.findIndex((line) => line === log[0]);
  const termSync = calls.findIndex((line, at) => at > firstOfLog && line.includes('/anchor>'));
  assert.equal(
    calls[firstOfLog + 1],
    calls[termSync],
    'the change of term is synced to the anchor right behind the log',
  );
});

test('an initialisation syncs every name that it makes, and the member file is the last', {
  skip: lacksStrace,
}, async (context) => {
  const place = await temporaryPlace(context);
  const trace = join(place, 'trace');
  const strace = ['strace', '-f', '-y', '-o', trace, '-e', 'trace=fsync,rename'];
  await exited(start('./init.process.ts', [join(place, 'deep', 'member')], strace));
  const calls = (await readFile(trace, 'utf8')).split('\n');
  const last = (path: string): number =>
    calls.findLastIndex((line) => /fsync\(/.test(line) && line.includes(`${path}>`));
  const renamed = calls.findIndex((line) => line.includes('rename(') && line.includes('/member.json"'));
  for (const path of [place, `${place}/deep`, '/member/log', '/member/state', '/member/anchor', '/member/reserve']) {
    assert.ok(last(path) >= 0 && last(path) < renamed, path);
  }
  assert.ok(last('/deep/member') > renamed);
  // LevelDB renames CURRENT and leaves the rest to the file system.
  for (const name of ['log', 'state']) {
    const current = calls.findLastIndex((line) => line.includes('rename(') && line.includes(`/${name}/CURRENT"`));
    assert.ok(current >= 0 && last(`/member/${name}`) > current, name);
  }
});

test('a failed fdatasync poisons the store, and what was durable before it is there', {
  skip: lacksStrace,
}, async (context) => {
  const directory = await newDirectory(context);
  const inject = 'inject=fdatasync:error=EIO:when=12+';
  const strace = ['strace', '-f', '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', inject];
  const lines = await runUntil(context, [directory, '280', '0'], () => false, strace);
  assert.equal(lines.at(-1), 'write-failed');
  const durable = Number(lines.at(-2));
  await assertHolds(directory, Number.isNaN(durable) ? 0 : durable, 280);
});

/** Until nothing fits any more. */
async function fillUp(folder: string): Promise<void> {
  const rest = Buffer.alloc(64 * 1024 * 1024, 1);
  await writeFile(join(folder, 'somebody else'), rest).catch((error: unknown) => assert.match(String(error), /ENOSPC/));
}

test('a full disk fails the write, loses nothing, and the reserve makes room to open again', async (context) => {
  const disk = await SmallDisk.mount(context);
  if (typeof disk === 'string') return context.skip(disk);
  const directory = join(disk.path, 'member');
  const options = { reserveBytes: 12_000_000, lowSpaceBytes: 12_000_000 };
  await initStorage({ directory, ...identity, ...options, configuration: founders });
  let storage = await reopen(directory, options);
  const size = 20_000;
  const { freeBytes, low } = await storage.space();
  assert.equal(low, false);
  await writeFile(join(disk.path, 'somebody else'), Buffer.alloc(freeBytes - 8_000_000));
  assert.equal((await storage.space()).low, true, 'the watermark speaks long before a write fails');
  let durable = 0;
  const append = async (): Promise<void> =>
    storage.log.persist([job({ term: 1, entries: entries(durable + 1, durable + 1, 1, size) })]);
  const failure = await (async () => {
    for (; ; durable++) await append();
  })().catch((error: unknown) => error);
  assert.ok(refusedAs('no-space')(failure), String(failure));
  await assert.rejects(append(), (again: unknown) => again === failure);
  // Room that comes back does not bring it back: LevelDB would go on, mis-framed.
  await truncate(join(disk.path, 'somebody else'), 0);
  assert.ok((await storage.space()).freeBytes > 8_000_000);
  await assert.rejects(append(), (again: unknown) => again === failure);
  await assert.rejects(storage.log.read(index(1), index(1), 1), (again: unknown) => again === failure);
  await fillUp(disk.path);
  await storage.close();

  storage = await reopen(directory, options);
  assert.ok(storage.log.tail >= durable);
  assert.deepEqual(plain(await storage.log.read(index(1), index(durable), 1e9)), entries(1, durable, 1, size));
  assert.match(storage.notes.join(), /the reserve of 12000000 bytes was given up/);
  assert.equal((await storage.space()).reserveIntact, false);
  await storage.close();
});
