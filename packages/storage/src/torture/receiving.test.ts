// A snapshot that arrives while the power goes, the disk fails or fills up.
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { entries, entry, founders, index, job, plain } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { initStorage } from '../init.ts';
import { identity, newDirectory, reopen } from './directories.ts';
import { exited, hasCommand, linesOf, start } from './processes.ts';
import { assertReceived, stateNames, stateToGive } from './received-state.ts';
import { SmallDisk } from './small-disk.ts';

const lacksPython = hasCommand('python3') ? false : 'python3, which takes the power away, is not installed';
const lacksStrace = hasCommand('strace') ? false : 'strace is not installed';

/** Runs a receiver until it prints a line, then does something to it. */
async function runUntil(
  context: TestContext,
  args: string[],
  line: string,
  then: (kill: () => Promise<void>) => Promise<void>,
  prefix: string[] = [],
): Promise<string[]> {
  const child = start('./receiver.process.ts', [...args, line], prefix);
  context.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  for await (const each of linesOf(child)) {
    lines.push(each);
    if (each !== line) continue;
    await then(async () => {
      child.kill('SIGKILL');
      await exited(child);
    });
  }
  await exited(child);
  return lines;
}

for (const [line, switched] of [
  ['chunk 5', false],
  ['finished', false],
  ['switched', true],
] as const) {
  test(`a power loss right behind "${line}" leaves the ${switched ? 'new' : 'old'} state, whole`, {
    skip: lacksPython,
  }, async (context) => {
    const disk = await SmallDisk.mount(context);
    if (typeof disk === 'string') return context.skip(disk);
    const given = await stateToGive(context, 300);
    const directory = join(disk.path, 'member');
    await initStorage({ directory, ...identity, reserveBytes: 0, configuration: founders });
    await runUntil(context, [given.directory, directory], line, async (kill) => disk.losePower(kill));
    const storage = await reopen(directory, { lowSpaceBytes: 0 });
    if (switched) await assertReceived(storage, given);
    else assert.deepEqual([storage.log.tail, storage.state.checkpointed], [0, null]);
    await storage.close();
    assert.deepEqual(await stateNames(directory), [switched ? 'state-1' : 'state']);
  });
}

test('the directory of a snapshot and its name are synced before the log switches to it', {
  skip: lacksStrace,
}, async (context) => {
  const given = await stateToGive(context, 5);
  const directory = await newDirectory(context);
  const trace = `${directory}-trace`;
  const strace = ['strace', '-f', '-y', '-o', trace, '-e', 'trace=fsync,fdatasync,rename'];
  await runUntil(context, [given.directory, directory], 'the end', async () => undefined, strace);
  const calls = (await readFile(trace, 'utf8')).split('\n');
  const last = (call: string, path: string): number =>
    calls.findLastIndex((line) => line.includes(`${call}(`) && line.includes(path));
  const current = last('rename', `${directory}/state-1/CURRENT"`);
  const data = last('fdatasync', `${directory}/state-1/`);
  const inside = last('fsync', `${directory}/state-1>`);
  const name = last('fsync', `${directory}>`);
  const switched = last('fdatasync', `${directory}/log/`);
  assert.ok(current >= 0 && data >= 0, calls.join('\n'));
  assert.ok(current < inside && data < inside && inside < name && name < switched, calls.join('\n'));
});

test('a failed fdatasync of a snapshot ends the snapshot, and neither log nor state', {
  skip: lacksStrace,
}, async (context) => {
  const given = await stateToGive(context, 800);
  const directory = await newDirectory(context);
  // Writes of the staging only: strace sees the path of the descriptor.
  const inject = 'inject=fdatasync:error=EIO:when=2';
  const path = join(directory, 'state-1');
  const strace = [
    'strace',
    '-f',
    '-o',
    '/dev/null',
    '-P',
    join(path, '000003.log'),
    '-e',
    'trace=fdatasync',
    '-e',
    inject,
  ];
  const lines = await runUntil(context, [given.directory, directory], 'the end', async () => undefined, strace);
  assert.ok(lines.includes('write-failed') && lines.at(-1) === 'log goes on', lines.join());
  const storage = await reopen(directory);
  assert.deepEqual([storage.log.recovered.hardState.term, storage.state.checkpointed], [1, null]);
  await storage.close();
  assert.deepEqual(await stateNames(directory), ['state']);
});

test('a snapshot for which there is no room is refused before it fills the disk, and removed', async (context) => {
  const disk = await SmallDisk.mount(context);
  if (typeof disk === 'string') return context.skip(disk);
  const given = await stateToGive(context, 3000);
  const source = await reopen(given.directory);
  // An open has moved its records into tables, which LevelDB can estimate.
  const exported = await source.snapshots.export();
  const directory = join(disk.path, 'member');
  await initStorage({ directory, ...identity, reserveBytes: 0, configuration: founders });
  let storage = await reopen(directory, { lowSpaceBytes: 20_000_000 });
  const refused = await storage.snapshots.stage(exported.meta);
  const [first] = await firstChunks(exported.chunks(), 1);
  await assert.rejects(refused.write(first!), (error: unknown) => {
    assert.match(
      String(error),
      /No room for the snapshot .* of about \d+ bytes: \d+ bytes are free, and 20000000 are kept/,
    );
    return refusedAs('no-space')(error);
  });
  assert.deepEqual([storage.snapshots.staging, await stateNames(directory)], [null, ['state']]);
  await storage.log.persist([job({ term: 1, entries: entries(1, 1, 1) })]);
  await writeFile(join(disk.path, 'somebody else'), Buffer.alloc(15_000_000));
  assert.equal((await storage.space()).low, true);
  await assert.rejects(storage.snapshots.stage(exported.meta), refusedAs('no-space'));
  assert.deepEqual(await stateNames(directory), ['state']);
  await storage.close();

  // The watermark is the member's choice. Without one the disk fills up for good, and the log still has not failed.
  await rm(join(disk.path, 'somebody else'));
  storage = await reopen(directory, { lowSpaceBytes: 0 });
  const staging = await storage.snapshots.stage(exported.meta);
  await staging.write(first!);
  const { freeBytes } = await storage.space();
  await writeFile(join(disk.path, 'somebody else'), Buffer.alloc(freeBytes - 5_000_000));
  const stream = exported.chunks(1)[Symbol.asyncIterator]();
  const failure: unknown = await (async () => {
    for (let next = await stream.next(); next.done !== true; next = await stream.next())
      await staging.write(next.value);
  })().catch((error: unknown) => error);
  assert.ok(refusedAs('no-space')(failure), String(failure));
  await assert.rejects(staging.finish(), refusedAs('closed'));
  assert.deepEqual([storage.snapshots.staging, await stateNames(directory)], [null, ['state']]);
  await storage.log.persist([job({ term: 1, entries: [entry(2, 1)] })]);
  await storage.close();
  storage = await reopen(directory, { lowSpaceBytes: 0 });
  assert.deepEqual(plain(await storage.log.read(index(1), index(2), 1e6)), entries(1, 2, 1));
  await storage.close();
  await source.close();
});

async function firstChunks(chunks: AsyncIterable<Uint8Array>, count: number): Promise<Uint8Array[]> {
  const taken: Uint8Array[] = [];
  for await (const chunk of chunks) {
    taken.push(chunk);
    if (taken.length === count) break;
  }
  return taken;
}
