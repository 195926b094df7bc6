// kill -9 leaves the page cache; only a loss of power shows what was synced.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { founders } from '../conformance/entries.ts';
import { initStorage } from '../init.ts';
import { identity, reopen } from './directories.ts';
import { exited, hasCommand, linesOf, start } from './processes.ts';
import { SmallDisk } from './small-disk.ts';

const skip = hasCommand('python3') ? false : 'python3, which takes the power away, is not installed';
const nobody = async (): Promise<void> => undefined;

test('a member that was just initialised is there after a power loss', { skip }, async (context) => {
  const disk = await SmallDisk.mount(context);
  if (typeof disk === 'string') return context.skip(disk);
  const directory = join(disk.path, 'somewhere', 'deep', 'member');
  await initStorage({ directory, ...identity, reserveBytes: 0, configuration: founders });
  await disk.losePower(nobody);
  await (await reopen(directory)).close();
});

test('after a power loss, again and again, every job that was durable is there', { skip }, async (context) => {
  const disk = await SmallDisk.mount(context);
  if (typeof disk === 'string') return context.skip(disk);
  const directory = join(disk.path, 'member');
  await initStorage({ directory, ...identity, reserveBytes: 0, configuration: founders });
  for (let round = 1; round <= 5; round++) {
    const child = start('./writer.process.ts', [directory, '3000', '0']);
    context.after(() => child.kill('SIGKILL'));
    const lines: string[] = [];
    for await (const line of linesOf(child)) {
      lines.push(line);
      if (lines.length !== 30 * round) continue;
      await disk.losePower(async () => {
        child.kill('SIGKILL');
        await exited(child);
      });
    }
    const durable = Math.max(...lines.map(Number).filter((number) => number > 0));
    const storage = await reopen(directory);
    assert.ok(
      storage.log.tail >= durable,
      `${durable} was printed as durable, and the log ends at ${storage.log.tail}`,
    );
    await storage.close();
  }
});
