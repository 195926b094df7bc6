import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, entries, founders, index, job, member, plain, position } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { conformance } from '../conformance/suite.ts';
import type { Storage } from '../storage.ts';
import { initMemoryStorage, MemoryDisk, openMemoryStorage, type PendingWrite } from './memory.ts';

const identity = { clusterId: 'conformance', memberId: member(1) };
const storeUuid = '00000000-0000-4000-8000-000000000001';

conformance({
  name: 'memory',
  failsOnDemand: true,
  modelRuns: 200,
  create: async () => {
    let failing = false;
    const disk = new MemoryDisk({
      onWrite: (write) => {
        if (failing) write.fail(new Error('injected'));
        else write.complete();
        failing = false;
      },
    });
    initMemoryStorage(disk, { ...identity, storeUuid, configuration: founders });
    return {
      open: async () => openMemoryStorage(disk, identity),
      failNextWrite: () => {
        failing = true;
      },
      dispose: async () => undefined,
    };
  },
});

async function stalled(): Promise<{ disk: MemoryDisk; storage: Storage; release: () => void }> {
  let holding = false;
  const disk = new MemoryDisk({
    onWrite: (write: PendingWrite) => {
      if (!holding) write.complete();
    },
  });
  initMemoryStorage(disk, { ...identity, storeUuid, configuration: founders });
  const storage = await openMemoryStorage(disk, identity);
  await storage.log.persist([job({ term: 1, entries: entries(1, 3, 1) })]);
  holding = true;
  return {
    disk,
    storage,
    release: () => {
      holding = false;
      for (const write of disk.pending) write.complete();
    },
  };
}

test('a stalled write is not durable and not readable until it completes', async () => {
  const { disk, storage, release } = await stalled();
  const persisted = storage.log.persist([job({ term: 1, entries: entries(4, 5, 1) })]);
  await Promise.resolve();
  assert.equal(disk.pending.length, 1);
  assert.equal(storage.log.tail, 3);
  release();
  await persisted;
  assert.equal(storage.log.tail, 5);
});

for (const [fate, log, tail] of [
  ['lost', 0, 3],
  ['kept', 1, 5],
] as const) {
  test(`a crash may leave an unfinished batch ${fate}, and it is ${fate} whole`, async () => {
    const { disk, storage } = await stalled();
    let settled = false;
    const write = storage.log.persist([job({ term: 2, entries: entries(3, 5, 2) })]);
    write.finally(() => (settled = true)).catch(() => undefined);
    await Promise.resolve();
    disk.crash({ log });
    await storage.close();
    const again = await openMemoryStorage(disk, identity);
    assert.equal(again.log.tail, tail);
    const expected = fate === 'kept' ? [...entries(1, 2, 1), ...entries(3, 5, 2)] : entries(1, 3, 1);
    assert.deepEqual(plain(await again.log.read(index(1), again.log.tail, 1000)), expected);
    await assert.rejects(storage.log.read(index(1), index(1), 1), refusedAs('closed'));
    assert.equal(settled, false);
  });
}

test('a failed write may have reached the disk', async () => {
  const disk = new MemoryDisk({ onWrite: (write) => write.fail(new Error('EIO'), true) });
  initMemoryStorage(disk, { ...identity, storeUuid, configuration: founders });
  const storage = await openMemoryStorage(disk, identity);
  await assert.rejects(storage.log.persist([job({ term: 1, entries: entries(1, 2, 1) })]), refusedAs('write-failed'));
  await storage.close();
  assert.equal((await openMemoryStorage(disk, identity)).log.tail, 2);
});

test('an error that says the disk is full is reported as such', async () => {
  const disk = new MemoryDisk({ onWrite: (write) => write.fail(new Error('IO error: No space left on device')) });
  initMemoryStorage(disk, { ...identity, storeUuid, configuration: founders });
  const storage = await openMemoryStorage(disk, identity);
  await assert.rejects(storage.log.persist([job({ term: 1, entries: entries(1, 2, 1) })]), refusedAs('no-space'));
});

test('an old copy of the log under a newer anchor is refused', async () => {
  const disk = new MemoryDisk();
  initMemoryStorage(disk, { ...identity, storeUuid, configuration: founders });
  const storage = await openMemoryStorage(disk, identity);
  await storage.log.persist([job({ term: 1, entries: entries(1, 2, 1) })]);
  const old = disk.clone();
  await storage.log.persist([job({ term: 1, entries: entries(3, 4, 1) })]);
  await storage.close();
  disk.putBack('log', old);
  await assert.rejects(openMemoryStorage(disk, identity), refusedAs('lost-acknowledged'));
});

test('an old copy of the state is brought up to date from the log', async () => {
  const disk = new MemoryDisk();
  initMemoryStorage(disk, { ...identity, storeUuid, configuration: founders });
  const storage = await openMemoryStorage(disk, identity);
  await storage.log.persist([job({ term: 1, entries: entries(1, 2, 1) })]);
  const old = disk.clone();
  await storage.state.checkpoint({ position: position(2, 1), configuration: founders, digest: bytes(''), changes: [] });
  await storage.close();
  disk.putBack('state', old);
  const again = await openMemoryStorage(disk, identity);
  assert.equal(again.state.checkpointed, null);
  assert.equal(again.log.recovered.base.index, 0);
});

test('a disk is one member, once, and in one hand at a time', async () => {
  const disk = new MemoryDisk();
  await assert.rejects(openMemoryStorage(disk, identity), refusedAs('not-initialised'));
  initMemoryStorage(disk, { ...identity, storeUuid, configuration: founders });
  const init = (): void => initMemoryStorage(disk, { ...identity, storeUuid, configuration: founders });
  assert.throws(init, refusedAs('already-initialised'));
  await assert.rejects(openMemoryStorage(disk, { ...identity, memberId: member(2) }), refusedAs('wrong-member'));
  const storage = await openMemoryStorage(disk, identity);
  await assert.rejects(openMemoryStorage(disk, identity), refusedAs('locked'));
  await storage.close();
  await (await openMemoryStorage(disk, identity)).close();
});
