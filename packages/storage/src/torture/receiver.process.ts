// Receives a snapshot and prints what is done, until it is killed or unplugged. Arguments: directory of the source, of the receiver, and the
// line behind which it stops.
import { argv, stdout } from 'node:process';
import { job } from '../conformance/entries.ts';
import { StorageError } from '../storage-error.ts';
import { reopen } from './directories.ts';

const [from, to, stopAt] = argv.slice(2) as [string, string, string];
const alive = setInterval(() => undefined, 1000);

async function say(line: string): Promise<void> {
  stdout.write(`${line}\n`);
  if (line === stopAt) await new Promise<never>(() => undefined);
}

try {
  const source = await reopen(from);
  const receiver = await reopen(to, { lowSpaceBytes: 0 });
  const exported = await source.snapshots.export();
  const { meta } = exported;
  const { index } = meta.position;
  await say('open');
  try {
    const staging = await receiver.snapshots.stage(meta);
    for await (const chunk of exported.chunks()) {
      await staging.write(chunk);
      await say(`chunk ${staging.next}`);
    }
    await staging.finish();
    await say('finished');
    await receiver.log.persist([job({ term: 1, commit: index, tail: index, snapshot: meta })]);
    await say('switched');
  } catch (error) {
    await say(error instanceof StorageError ? error.code : String(error));
    // Neither the log nor the old state has anything to do with it.
    const { tail } = receiver.log;
    await receiver.log.persist([job({ term: 1, commit: tail, tail })]);
    await say('log goes on');
  }
} catch (error) {
  await say(error instanceof StorageError ? error.code : String(error));
}
clearInterval(alive);
