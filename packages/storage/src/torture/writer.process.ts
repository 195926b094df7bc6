// Writes entries one job after the other and prints the index of each that is durable, until it is killed or a write fails.
// Arguments: directory, bytes of an entry, first index, jobs or 0 for no end.
import { argv, stdout } from 'node:process';
import { bytes, entries, founders, index, job, position } from '../conformance/entries.ts';
import { StorageError } from '../storage-error.ts';
import { reopen } from './directories.ts';

const [directory, size, jobs] = argv.slice(2) as [string, string, string];

try {
  const storage = await reopen(directory);
  stdout.write('open\n');
  const end = Number(jobs) === 0 ? Number.POSITIVE_INFINITY : storage.log.tail + Number(jobs);
  for (let at = storage.log.tail + 1; at <= end; at++) {
    await storage.log.persist([job({ term: 1, commit: at - 1, entries: entries(at, at, 1, Number(size)) })]);
    stdout.write(`${at}\n`);
    if (at % 20 > 0) continue;
    const changes = [{ key: bytes(`key ${at % 100}`), value: new Uint8Array(Number(size)).fill(at) }];
    await storage.state.checkpoint({
      position: position(index(at), 1),
      configuration: founders,
      digest: bytes(`${at}`),
      changes,
    });
  }
  await storage.close();
  stdout.write('closed\n');
} catch (error) {
  stdout.write(`${error instanceof StorageError ? error.code : String(error)}\n`);
}
