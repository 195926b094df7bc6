// The README's example, run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initStorage, openStorage } from '@conclave/storage';
import { bytes, entries, founders, index, job, member, position } from './conformance/entries.ts';
import { temporaryPlace } from './torture/directories.ts';

test('the example of the README does what it says', async (context) => {
  const directory = await temporaryPlace(context);
  const who = { directory, clusterId: 'orders', memberId: member(3), reserveBytes: 1000 };
  await initStorage({ ...who, configuration: founders });
  const storage = await openStorage(who);
  assert.equal(storage.log.recovered.tail, 0);
  await storage.log.persist([job({ term: 1, entries: entries(1, 3, 1) })]);
  assert.equal((await storage.log.read(index(1), index(3), 1_000_000)).length, 3);
  const changes = [{ key: bytes('a'), value: bytes('1') }];
  await storage.state.checkpoint({ position: position(3, 1), configuration: founders, digest: bytes('d'), changes });
  assert.deepEqual(new Uint8Array(storage.state.get(bytes('a'))!), bytes('1'));
  for await (const batch of storage.state.scan({ from: bytes('a') })) assert.equal(batch.length, 1);
  await storage.close();
});
