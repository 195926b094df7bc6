import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../../testing/harness.ts';
import { ConclaveError } from '../error.ts';
import type { SnapshotBatch, WatchBatch } from './batch.ts';

test('a watch has no gap and no repeat while members die and connections are cut', async (context) => {
  const harness = await Harness.start(context);
  const { client: writer } = await harness.client();
  const { client: reader, network } = await harness.client();
  const count = 300;
  const seen: number[] = [];
  const values: string[] = [];
  const watcher = reader.watch({ prefix: 'k/' }, { from: 1 });
  const reading = (async () => {
    for await (const batch of watcher) {
      if (batch.type !== 'events') continue;
      seen.push(batch.revision);
      for (const event of batch.events) if (event.type === 'put') values.push(event.entry.text());
      if (values.length >= count * 2) return;
    }
  })();
  const written: number[] = [];
  for (let n = 0; n < count; n++) {
    const { revision } = await writer.txn({
      then: [
        { put: `k/${n % 5}`, value: `${n}a` },
        { put: `k/x${n % 3}`, value: `${n}b` },
        { put: 'other', value: 'x' },
      ],
    });
    written.push(revision);
    if (n % 37 === 20) network.current?.cut();
    if (n === 150) {
      await until(() => network.current !== undefined);
      await network.kill(network.current?.memberId ?? 0);
    }
    if (n === 200) for (const id of network.down) await network.restart(id);
  }
  await reading;
  assert.deepEqual(seen, written);
  assert.deepEqual(values, Array.from({ length: count }, (_, n) => [`${n}a`, `${n}b`]).flat());
});

test('a slow reader costs a bounded buffer, and misses nothing', async (context) => {
  const harness = await Harness.start(context);
  const { client: writer } = await harness.client();
  const { client: reader } = await harness.client();
  const maxBufferedBytes = 16_384;
  const valueBytes = 2_000;
  const watcher = reader.watch({ prefix: 'k' }, { from: 1, maxBufferedBytes });
  const count = 100;
  for (let n = 0; n < count; n++) await writer.put('k', new Uint8Array(valueBytes).fill(n));
  await until(() => watcher.bufferedBytes >= maxBufferedBytes);
  // One revision more than the credit may be on the way.
  const bound = maxBufferedBytes + valueBytes + 200;
  const seen: number[] = [];
  for await (const batch of watcher) {
    assert.equal(watcher.bufferedBytes <= bound, true, `${watcher.bufferedBytes} bytes`);
    if (batch.type === 'events')
      for (const event of batch.events) if (event.type === 'put') seen.push(event.entry.value[0] ?? -1);
    if (seen.length === count) break;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: count }, (_, n) => n),
  );
});

test('a snapshot comes first, whole and also when it is empty, and then what happens', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const empty = client.watch({ prefix: 'nothing/' }, { initial: 'snapshot' });
  const { value: nothing } = await empty.next();
  assert.deepEqual(nothing?.type === 'snapshot' && [nothing.entries.length, nothing.first, nothing.last], [
    0,
    true,
    true,
  ]);
  await empty.close();
  await Promise.all(Array.from({ length: 50 }, (_, n) => client.put(`k/${`${n}`.padStart(2, '0')}`, `${n}`)));
  const watcher = client.watch([{ prefix: 'k/0' }, 'k/42'], { initial: 'snapshot', previous: true, events: 'delete' });
  const { value: snapshot } = await watcher.next();
  assert.equal(snapshot?.type, 'snapshot');
  assert.equal(snapshot?.type === 'snapshot' && snapshot.entries.length, 11);
  await client.put('k/42', 'not asked for');
  await client.delete('k/42');
  const { value: batch } = await watcher.next();
  const event = batch?.type === 'events' ? batch.events[0] : undefined;
  assert.equal(event?.type, 'delete');
  assert.deepEqual([event?.key, event?.previous?.text()], ['k/42', 'not asked for']);
});

test('a large snapshot comes in several batches within the bound', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const value = new Uint8Array(20_000);
  await Promise.all(Array.from({ length: 100 }, (_, n) => client.put(`k/${`${n}`.padStart(3, '0')}`, value)));
  const watcher = client.watch({ prefix: 'k/' }, { initial: 'snapshot', maxBufferedBytes: 65_536 });
  const keys: string[] = [];
  const marks: string[] = [];
  for await (const batch of watcher) {
    if (batch.type !== 'snapshot') continue;
    keys.push(...batch.entries.map(({ key }) => key));
    marks.push(`${batch.first} ${batch.last}`);
    if (batch.last) break;
  }
  assert.deepEqual(keys, keys.toSorted());
  assert.equal(new Set(keys).size, 100);
  assert.equal(marks[0]?.startsWith('true'), true);
  assert.equal(marks.length > 1 && marks.slice(1).every((mark) => mark.startsWith('false')), true, marks.join());
});

test('a snapshot that a compaction overtakes begins anew, and no piece of the old one is taken for a part of it', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const value = new Uint8Array(20_000);
  const keys = Array.from({ length: 250 }, (_, n) => `k/${`${n}`.padStart(3, '0')}`);
  await Promise.all(keys.map((key) => client.put(key, value)));
  const watcher = client.watch({ prefix: 'k/' }, { initial: 'snapshot', maxBufferedBytes: 65_536 });
  const pieces: SnapshotBatch[] = [];
  const { value: begun } = await watcher.next();
  assert.ok(begun?.type === 'snapshot' && begun.first && !begun.last);
  // What is in the first pieces is deleted, and what they were a state of is gone.
  for (const key of keys.slice(0, 50)) await client.delete(key);
  const { revision } = await client.put('k/last', value);
  await client.perform({ type: 'compact', revision });
  for await (const batch of watcher) {
    if (batch.type !== 'snapshot') continue;
    if (batch.first) pieces.length = 0;
    pieces.push(batch);
    if (batch.last) break;
  }
  assert.equal(pieces[0]?.reason, 'compacted');
  assert.deepEqual(new Set(pieces.map((piece) => piece.revision)), new Set([revision]));
  assert.deepEqual(
    pieces.flatMap(({ entries }) => entries.map(({ key }) => key)),
    [...keys.slice(50), 'k/last'],
  );
});

test('what was compacted is an error, or a resync, as asked', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  await client.put('k', '1');
  const { revision } = await client.put('k', '2');
  await client.perform({ type: 'compact', revision });
  const strict = client.watch('k', { from: 1 });
  await assert.rejects(strict.next(), { code: 'COMPACTED' });
  const lenient = client.watch('k', { from: 1, onCompacted: 'resync' });
  const { value: batch } = await lenient.next();
  assert.equal(batch?.type, 'snapshot');
  assert.deepEqual(batch?.type === 'snapshot' && [batch.reason, batch.entries[0]?.text()], ['compacted', '2']);
});

test('break, close and the signal end the watch at the member', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const watches = (): number => harness.cluster.member(1)?.counts.watches ?? -1;
  const controller = new AbortController();
  const aborted = client.watch('k', { signal: controller.signal });
  const closed = client.watch('k');
  const broken = client.watch('k', { from: 1 });
  await until(() => watches() === 3);
  await client.put('k', 'v');
  for await (const batch of broken) if (batch.type === 'events') break;
  await closed.close();
  const next = (async () => {
    for (;;) await aborted.next();
  })();
  controller.abort('enough');
  await assert.rejects(next, (error) => ConclaveError.is(error, 'CANCELLED') && error.cause === 'enough');
  await until(() => watches() === 0);
});

test('the function of a watch is called for one batch after the other, and what it throws ends it', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  let inside = 0;
  const values: string[] = [];
  const run = client.watch(
    'k',
    async (batch: WatchBatch) => {
      assert.equal(++inside, 1);
      if (batch.type === 'events') for (const event of batch.events) values.push(event.key);
      await client.get('k');
      inside--;
      if (values.length === 3) throw new Error('three are enough');
    },
    { from: 1 },
  );
  for (let n = 0; n < 5; n++) await client.put('k', `${n}`);
  await assert.rejects(run.done, /three are enough/);
  await using quiet = client.watch('other', () => {});
  await quiet.close();
  await quiet.done;
});

test('reads are never older than what the client has seen, on any member', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  for (let n = 0; n < 20; n++) {
    await client.put('k', `${n}`);
    network.current?.cut();
    const { entry, stalenessMs } = await client.read('k', { consistency: 'local' });
    assert.equal(entry?.text(), `${n}`);
    assert.notEqual(stalenessMs, null);
  }
});
