// A state that goes from one storage to another in chunks, and takes the place of the one there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxSnapshotChunkBytes, maxSnapshotExports } from '../bounds.ts';
import type { SnapshotExport, SnapshotStaging, StateStore, Storage } from '../storage.ts';
import { Bench, type Implementation } from './bench.ts';
import { bytes, entries, entry, founders, index, job, member, plain, position, text } from './entries.ts';
import { refusedAs } from './log-claims.ts';

const configuration = { ...founders, learners: [member(7)] };

/** Records of every shape: none, one byte, as large as a chunk and a little less and more, many chunks, many small ones. */
function records(seed: number): [string, Uint8Array][] {
  const sizes = [0, 1, 100_000, maxSnapshotChunkBytes - 60, maxSnapshotChunkBytes, maxSnapshotChunkBytes * 3 + 17];
  const made = sizes.map((size, at): [string, Uint8Array] => [`a${at}`, filled(size, seed + at)]);
  for (let at = 0; at < 3000; at++) made.push([`b${String(at).padStart(5, '0')}`, filled(at % 300, seed + at)]);
  made.push(['c'.repeat(60_000), filled(250_000, seed)], ['d', filled(0, 0)]);
  return made;
}

function filled(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 7 + seed) % 253);
}

async function checkpoint(storage: Storage, at: number, term: number, content: readonly [string, Uint8Array][]) {
  await storage.state.checkpoint({
    position: position(at, term),
    configuration,
    digest: bytes(`digest ${at}`),
    changes: content.map(([key, value]) => ({ key: bytes(key), value })),
  });
}

async function contentOf(state: StateStore): Promise<[string, Uint8Array][]> {
  const found: [string, Uint8Array][] = [];
  for await (const batch of state.scan()) {
    for (const { key, value } of batch) found.push([text(key)!, new Uint8Array(value)]);
  }
  return found;
}

async function chunksOf(exported: SnapshotExport, from?: number): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of exported.chunks(from)) chunks.push(chunk);
  return chunks;
}

async function receive(staging: SnapshotStaging, chunks: readonly Uint8Array[]): Promise<void> {
  for (const chunk of chunks) await staging.write(chunk);
}

export function snapshotClaims(implementation: Implementation, bench: () => Bench): void {
  const state = () => bench().storage.state;
  const snapshots = () => bench().storage.snapshots;
  /** Another member that is far ahead, and its snapshot. */
  const ahead = async (at = 50, content = records(1)) => {
    const source = await Bench.start(implementation);
    await source.storage.log.persist([job({ term: 3, commit: at, entries: entries(1, at, 3) })]);
    await checkpoint(source.storage, at, 3, content);
    const exported = await source.storage.snapshots.export();
    const chunks = await chunksOf(exported);
    return { source, exported, chunks, content, meta: exported.meta };
  };
  const switchJob = (meta: SnapshotExport['meta'], more: Partial<Parameters<typeof job>[0]> = {}) =>
    job({ term: 3, commit: meta.position.index, tail: meta.position.index, snapshot: meta, ...more });

  test('a state that is exported and received is the same state, and the log goes on behind it', async () => {
    const { source, chunks, content, meta } = await ahead();
    await bench().storage.log.persist([job({ term: 2, entries: entries(1, 9, 2) })]);
    await checkpoint(bench().storage, 4, 2, [['old', bytes('state')]]);
    const old = state();
    const staging = await snapshots().stage(meta);
    assert.equal(snapshots().staging, staging);
    await receive(staging, chunks);
    await staging.finish();
    assert.equal(text(state().get(bytes('old'))), 'state');
    await bench().storage.log.persist([
      job({ term: 3, entries: entries(10, 11, 3) }),
      switchJob(meta, { entries: entries(51, 52, 3), tail: 52 }),
      job({ term: 4, commit: 51, entries: [entry(52, 4)], base: meta.position }),
    ]);
    assert.notEqual(state(), old);
    assert.throws(() => old.get(bytes('old')), refusedAs('closed'));
    assert.equal(snapshots().staging, null);
    for (let life = 0; life < 3; life++) {
      assert.deepEqual(await contentOf(state()), content);
      assert.deepEqual(state().checkpointed, { position: meta.position, configuration, digest: bytes('digest 50') });
      const found = await bench().storage.log.read(index(51), index(52), 1e6);
      assert.deepEqual(plain(found), [entry(51, 3), entry(52, 4)]);
      await assert.rejects(bench().storage.log.read(index(50), index(52), 1e6), refusedAs('misuse'));
      await bench().reopen();
      const { recovered } = bench().storage.log;
      assert.deepEqual([recovered.base, recovered.tail], [meta.position, 52]);
      assert.deepEqual(recovered.configuration, configuration);
      assert.deepEqual(recovered.terms, [
        { term: 3, first: 51 },
        { term: 4, first: 52 },
      ]);
    }
    await checkpoint(bench().storage, 51, 3, [['e', bytes('more')]]);
    await bench().reopen();
    assert.deepEqual(await contentOf(state()), [...content, ['e', bytes('more')]]);
    await source.stop();
  });

  test('a received state can be exported, and replaced by the next snapshot', async () => {
    const first = await ahead(50);
    const staging = await snapshots().stage(first.meta);
    await receive(staging, first.chunks);
    await staging.finish();
    await bench().storage.log.persist([switchJob(first.meta)]);
    const again = await snapshots().export();
    const copies = await chunksOf(again);
    assert.deepEqual(copies.slice(1, -1).map(payload), first.chunks.slice(1, -1).map(payload));
    const second = await ahead(70, records(2));
    const next = await snapshots().stage(second.meta);
    await receive(next, second.chunks);
    await next.finish();
    await bench().storage.log.persist([switchJob(second.meta)]);
    assert.deepEqual(await contentOf(state()), second.content);
    await assert.rejects(chunksOf(again, 1), refusedAs('closed'));
    assert.deepEqual(snapshots().exports, []);
    await bench().reopen();
    assert.deepEqual(await contentOf(state()), second.content);
    await first.source.stop();
    await second.source.stop();
  });

  test('an export shows its checkpoint, whatever is written beside it, in chunks within their bound', async () => {
    await bench().storage.log.persist([job({ term: 1, commit: 9, entries: entries(1, 9, 1) })]);
    await checkpoint(bench().storage, 3, 1, records(1));
    const exported = await snapshots().export();
    assert.deepEqual(exported.meta.position, position(3, 1));
    assert.deepEqual(exported.meta.configuration, configuration);
    const chunks: Uint8Array[] = [];
    for await (const chunk of exported.chunks()) {
      assert.ok(chunk.length <= maxSnapshotChunkBytes);
      chunks.push(chunk);
      await checkpoint(bench().storage, 4, 1, [
        [`a${chunks.length}`, bytes('changed')],
        [`b0000${chunks.length}`, bytes('changed')],
      ]);
    }
    assert.deepEqual(await chunksOf(exported), chunks);
    const target = await Bench.start(implementation);
    const staging = await target.storage.snapshots.stage(exported.meta);
    await receive(staging, chunks);
    await staging.finish();
    await target.storage.log.persist([job({ term: 1, commit: 3, tail: 3, snapshot: exported.meta })]);
    assert.deepEqual(await contentOf(target.storage.state), records(1));
    await target.stop();
  });

  test('a stream goes on from any chunk, however it was interrupted, and several readers share it', async () => {
    const { source, exported, chunks } = await ahead();
    for (let at = 0; at < chunks.length; at++) {
      assert.deepEqual(await chunksOf(exported, at), chunks.slice(at));
      for await (const chunk of exported.chunks(at)) {
        assert.deepEqual(chunk, chunks[at]);
        break;
      }
    }
    const [one, other] = await Promise.all([chunksOf(exported), chunksOf(exported, 3)]);
    assert.deepEqual([one, other], [chunks, chunks.slice(3)]);
    await assert.rejects(chunksOf(exported, chunks.length + 1), refusedAs('misuse'));
    await exported.release();
    await exported.release();
    await assert.rejects(chunksOf(exported), refusedAs('closed'));
    await source.stop();
  });

  test('only so many exports are open at a time, and none of a state without a checkpoint', async () => {
    await assert.rejects(snapshots().export(), refusedAs('misuse'));
    await bench().storage.log.persist([job({ term: 1, entries: entries(1, 2, 1) })]);
    await checkpoint(bench().storage, 1, 1, []);
    const open = await Promise.all(Array.from({ length: maxSnapshotExports }, async () => snapshots().export()));
    assert.equal(new Set(open.map(({ meta }) => meta.id)).size, maxSnapshotExports);
    assert.deepEqual(snapshots().exports, open);
    await assert.rejects(snapshots().export(), refusedAs('misuse'));
    // It can be released in the middle of a stream that nobody goes on with.
    const stream = open[0]!.chunks()[Symbol.asyncIterator]();
    await stream.next();
    await open[0]!.release();
    await assert.rejects(stream.next(), refusedAs('closed'));
    await (await snapshots().export()).release();
  });

  test('an empty state has a snapshot', async () => {
    const { source, chunks, meta } = await ahead(5, []);
    assert.equal(chunks.length, 2);
    const staging = await snapshots().stage(meta);
    await receive(staging, chunks);
    await staging.finish();
    await bench().storage.log.persist([switchJob(meta)]);
    await bench().reopen();
    assert.deepEqual(await contentOf(state()), []);
    await source.stop();
  });

  test('a damaged, missing, repeated or foreign chunk is refused, changes nothing, and the right one is taken', async () => {
    const { source, chunks, content, meta } = await ahead();
    const other = await ahead(60, records(9));
    const staging = await snapshots().stage(meta);
    await assert.rejects(staging.finish(), refusedAs('bad-chunk'));
    for (const [number, chunk] of chunks.entries()) {
      const wrong = [
        chunks[number + 1],
        chunks[number - 1],
        other.chunks[number],
        chunk.subarray(0, -1),
        chunk.subarray(0, 9),
      ];
      // Each field of the header, and three places of the payload.
      for (const at of [0, 4, 5, 6, 9, 12, 15, 18, Math.floor(chunk.length / 2), chunk.length - 1]) {
        const flipped = chunk.slice();
        flipped[at]! ^= 0x10;
        wrong.push(flipped);
      }
      for (const bad of wrong) {
        if (bad === undefined) continue;
        const refused = (error: unknown) => refusedAs('bad-chunk')(error) || refusedAs('unknown-format')(error);
        await assert.rejects(staging.write(bad), refused, `chunk ${number}`);
        assert.equal(staging.next, number);
      }
      await assert.rejects(staging.finish(), refusedAs('bad-chunk'));
      await staging.write(chunk);
    }
    await assert.rejects(staging.write(chunks[0]!), refusedAs('bad-chunk'));
    await staging.finish();
    assert.ok(staging.finished);
    await assert.rejects(staging.write(chunks[0]!), refusedAs('misuse'));
    await bench().storage.log.persist([switchJob(meta)]);
    assert.deepEqual(await contentOf(state()), content);
    await source.stop();
    await other.source.stop();
  });

  test('a staging that was aborted or replaced is of no use, and leaves the state as it was', async () => {
    const { source, chunks, content, meta } = await ahead();
    await bench().storage.log.persist([job({ term: 1, entries: entries(1, 5, 1) })]);
    await checkpoint(bench().storage, 2, 1, [['kept', bytes('1')]]);
    const first = await snapshots().stage(meta);
    await receive(first, chunks.slice(0, 5));
    await first.abort();
    await first.abort();
    assert.equal(snapshots().staging, null);
    await assert.rejects(first.write(chunks[5]!), refusedAs('closed'));
    const second = await snapshots().stage(meta);
    await receive(second, chunks);
    await second.finish();
    const third = await snapshots().stage(meta);
    await assert.rejects(bench().storage.log.persist([switchJob(meta)]), refusedAs('misuse'));
    await receive(third, chunks);
    await assert.rejects(bench().storage.log.persist([switchJob(meta)]), refusedAs('misuse'));
    assert.deepEqual(await contentOf(state()), [['kept', bytes('1')]]);
    await bench().reopen();
    assert.equal(snapshots().staging, null);
    assert.deepEqual(await contentOf(state()), [['kept', bytes('1')]]);
    const last = await snapshots().stage(meta);
    await receive(last, chunks);
    await last.finish();
    await bench().storage.log.persist([switchJob(meta)]);
    await last.abort();
    assert.deepEqual(await contentOf(state()), content);
    await source.stop();
  });

  test('a job that switches to what is not staged, or goes back, is refused', async () => {
    const { source, chunks, meta } = await ahead();
    const { log } = bench().storage;
    await log.persist([job({ term: 3, commit: 5, entries: entries(1, 60, 3) })]);
    await checkpoint(bench().storage, 5, 3, []);
    const staging = await snapshots().stage(meta);
    await receive(staging, chunks);
    await staging.finish();
    const pair = { term: 3 as never, index: index(60) };
    const wrong = {
      'another id': switchJob({ ...meta, id: 'another' }, { acknowledged: pair }),
      'another position': switchJob({ ...meta, position: position(51, 3) }, { acknowledged: pair }),
      'another configuration': switchJob({ ...meta, configuration: founders }, { acknowledged: pair }),
      'a base that is not the snapshot': switchJob(meta, { acknowledged: pair, base: position(49, 3) }),
      'a tail that is not the log': switchJob(meta, { acknowledged: pair, tail: 60 }),
      'less than is committed': switchJob(meta, { acknowledged: pair, commit: 49 }),
    };
    for (const [what, bad] of Object.entries(wrong))
      await assert.rejects(log.persist([bad]), refusedAs('misuse'), what);
    await checkpoint(bench().storage, 55, 3, []);
    await assert.rejects(log.persist([switchJob(meta, { acknowledged: pair })]), refusedAs('misuse'));
    assert.deepEqual(plain(await log.read(index(1), index(60), 1e6)), entries(1, 60, 3));
    await source.stop();
  });

  test('a conflicting log that is longer than the snapshot does not come back', async () => {
    const { source, chunks, meta } = await ahead(50);
    await bench().storage.log.persist([job({ term: 2, entries: entries(1, 48, 2) })]);
    await bench().storage.log.persist([job({ term: 2, entries: entries(49, 80, 2) })]);
    const staging = await snapshots().stage(meta);
    await receive(staging, chunks);
    await staging.finish();
    await bench().storage.log.persist([switchJob(meta)]);
    await bench().reopen();
    assert.equal(bench().storage.log.recovered.tail, 50);
    await bench().storage.log.persist([job({ term: 3, commit: 50, entries: [entry(51, 3)], base: meta.position })]);
    await bench().reopen();
    assert.deepEqual(plain(await bench().storage.log.read(index(51), index(51), 1)), [entry(51, 3)]);
    await source.stop();
  });

  if (implementation.failsOnDemand) {
    test('a staging whose write fails is gone; log and state go on', async () => {
      const { source, chunks, content, meta } = await ahead();
      const staging = await snapshots().stage(meta);
      await receive(staging, chunks.slice(0, 3));
      bench().subject.failNextWrite?.();
      await assert.rejects(staging.write(chunks[3]!), refusedAs('write-failed'));
      assert.equal(snapshots().staging, null);
      await bench().storage.log.persist([job({ term: 1, entries: entries(1, 1, 1) })]);
      const again = await snapshots().stage(meta);
      await receive(again, chunks);
      await again.finish();
      await bench().storage.log.persist([switchJob(meta)]);
      assert.deepEqual(await contentOf(state()), content);
      await source.stop();
    });
  }
}

const payload = (chunk: Uint8Array): Uint8Array => chunk.subarray(18);
