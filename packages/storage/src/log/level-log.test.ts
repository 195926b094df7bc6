import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AnchorFile, createAnchor } from '../anchor/anchor-file.ts';
import { entries, entry, founders, index, job, member, plain, position } from '../conformance/entries.ts';
import { refusedAs } from '../conformance/log-claims.ts';
import { createLevel } from '../leveldb/open-level.ts';
import { noPledge } from '../pledge.ts';
import { LevelLog } from './level-log.ts';
import { firstChain } from './meta.ts';

const owner = { clusterId: 'log', memberId: member(1), storeUuid: '01234567-89ab-4cde-8f01-23456789abcd' };

/** A log whose LevelDB tells this thread about a write only when the gate opens, though every reader sees it before. */
async function gatedLog(place: string) {
  const level = await createLevel({
    directory: join(place, 'log'),
    name: 'log',
    writeBufferBytes: 1 << 20,
    cacheBytes: 1 << 20,
  });
  await createAnchor(join(place, 'anchor'), owner);
  const anchor = await AnchorFile.open(join(place, 'anchor'), () => 0);
  const head = {
    hardState: { term: noPledge.term, vote: null, commit: index(0) },
    acknowledged: noPledge.acknowledged,
    base: position(0, 0),
    tail: index(0),
    terms: [],
    configuration: founders,
  };
  const chain = firstChain(owner.storeUuid);
  const meta = { ...owner, ...head, chainAtBase: chain, chainAtTail: chain, stateGeneration: 0, peerStores: new Map() };
  const gate = { closed: Promise.resolve(), seen: () => undefined as void };
  const begin = level.batch.bind(level) as () => ReturnType<typeof level.batch>;
  Object.assign(level, {
    batch: () => {
      const batch = begin();
      const write = batch.write.bind(batch) as (options: object) => Promise<void>;
      return Object.assign(batch, {
        write: async (options: object): Promise<void> => {
          await write(options);
          gate.seen();
          await gate.closed;
        },
      });
    },
  });
  const beside = { checkpointed: position(9, 1), claim: () => assert.fail(), adopt: () => assert.fail() };
  return { log: new LevelLog({ level, anchor, meta, recovered: head, firsts: [], beside }), gate };
}

test('a read beside a truncation waits until it knows the new end', async (context) => {
  const place = await mkdtemp(join(tmpdir(), 'conclave-log-'));
  const { log, gate } = await gatedLog(place);
  context.after(async () => {
    await log.close();
    await rm(place, { recursive: true });
  });
  await log.persist([job({ term: 1, entries: entries(1, 9, 1) })]);
  const reached = new Promise<void>((resolve) => (gate.seen = resolve));
  const closed = new EventEmitter();
  gate.closed = once(closed, 'open').then(() => undefined);
  const write = log.persist([job({ term: 2, entries: [entry(4, 2)] })]);
  await reached;
  const reads = [log.read(index(1), index(9), 1e6), log.read(index(8), index(9), 1e6)];
  closed.emit('open');
  assert.deepEqual((await Promise.all(reads)).map(plain), [[...entries(1, 3, 1), entry(4, 2)], []]);
  await write;
});

test('a read beside a cut in front waits until it knows the new beginning', async (context) => {
  const place = await mkdtemp(join(tmpdir(), 'conclave-log-'));
  const { log, gate } = await gatedLog(place);
  context.after(async () => {
    await log.close();
    await rm(place, { recursive: true });
  });
  for (let at = 1; at <= 9; at++) await log.persist([job({ term: 1, commit: at, entries: [entry(at, 1)] })]);
  const reached = new Promise<void>((resolve) => (gate.seen = resolve));
  const closed = new EventEmitter();
  gate.closed = once(closed, 'open').then(() => undefined);
  const write = log.persist([job({ term: 1, commit: 9, tail: 9, base: position(5, 1) })]);
  await reached;
  const reads = [log.read(index(3), index(9), 1e6), log.read(index(6), index(9), 1e6)];
  closed.emit('open');
  assert.deepEqual((await Promise.all(reads)).map(plain), [[], entries(6, 9, 1)]);
  await write;
});

test('a closed log refuses, and closing waits for the write under way', async (context) => {
  const place = await mkdtemp(join(tmpdir(), 'conclave-log-'));
  context.after(async () => rm(place, { recursive: true }));
  const { log } = await gatedLog(place);
  const write = log.persist([job({ term: 1, entries: entries(1, 2, 1) })]);
  const closed = log.close();
  await assert.rejects(log.read(index(1), index(1), 1), refusedAs('closed'));
  await Promise.all([write, closed]);
  assert.equal(log.tail, 2);
});
