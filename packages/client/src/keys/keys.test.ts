import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from '../../testing/harness.ts';
import type { CompareLost, Entry, KeyEntry, PutDone } from '../index.ts';
import { KeySpace } from './key-space.ts';

/** Is `true` only when the two types are the same. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

test('a large range is listed whole at one revision, forwards and backwards, at once and one by one', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const value = new Uint8Array(30_000);
  const keys = Array.from({ length: 100 }, (_, n) => `k/${`${n}`.padStart(3, '0')}`);
  await Promise.all(keys.map((key) => client.put(key, value)));
  const all = await client.list({ prefix: 'k/' });
  assert.deepEqual(
    all.entries.map(({ key }) => key),
    keys,
  );
  assert.deepEqual([all.more, all.count], [false, 100]);
  const some = await client.list({ from: 'k/050' }, { limit: 10, reverse: true, keysOnly: true });
  assert.deepEqual(
    some.entries.map(({ key }) => key),
    keys.toReversed().slice(0, 10),
  );
  assert.equal(some.more, true);
  const taken: string[] = [];
  for await (const { key } of client.list({ prefix: 'k/' }, { reverse: true })) {
    // What is written while it is read does not show.
    if (taken.length === 1) await client.delete({ prefix: 'k/00' });
    taken.push(key);
  }
  assert.deepEqual(taken, keys.toReversed());
  for await (const { key } of client.list({ prefix: 'k/' })) {
    assert.equal(key, 'k/010');
    break;
  }
  const old = await client.list({ from: 'k/000', to: 'k/010' }, { revision: all.revision, countOnly: true });
  assert.deepEqual([old.count, old.entries.length], [10, 0]);
  await assert.rejects(client.list({ prefix: 'k/' }, { limit: -1 }), { code: 'INVALID_ARGUMENT' });
});

test('a namespace adds its prefix to everything and takes it off again', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const space = client.namespace('app/').namespace('one/');
  const watcher = space.watch({ prefix: '' }, { initial: 'snapshot' });
  await watcher.next();
  await space.put('k', 'v');
  await client.put('app/two/k', 'w');
  assert.equal((await client.get('app/one/k'))?.text(), 'v');
  assert.deepEqual(
    (await space.list({ from: '' })).entries.map(({ key }) => key),
    ['k'],
  );
  const { value: batch } = await watcher.next();
  assert.deepEqual(batch?.type === 'events' && batch.events.map(({ key }) => key), ['k']);
  const lock = await space.lock('l');
  assert.equal(await client.tryLock('app/one/l'), null);
  const done = await client.txn({ if: [lock.guard()], then: [{ get: 'app/one/k' }] });
  assert.equal(done.ok, true);
});

test('bytes are as good as text, and are neither shared nor changed', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const key = Uint8Array.of(1, 0xff, 0);
  const value = Uint8Array.of(0, 1, 2);
  const written = client.put(key, value);
  value.fill(9);
  await written;
  const entry = await client.get(key);
  assert.deepEqual([...(entry?.value ?? [])], [0, 1, 2]);
  assert.deepEqual([...(entry?.keyBytes ?? [])], [1, 0xff, 0]);
  assert.equal(Buffer.isBuffer(entry?.value), false);
  const { entries } = await client.list({ prefix: Uint8Array.of(1, 0xff) });
  assert.equal(entries.length, 1);
  await assert.rejects(client.put('', 'x'), { code: 'INVALID_ARGUMENT', outcome: 'not-applied' });
});

test('a prefix of 0xff bytes ends at the last key', () => {
  const { end } = new KeySpace().range({ prefix: Uint8Array.of(0xff, 0xff) });
  assert.equal(end?.length, 0);
  assert.deepEqual([...(new KeySpace().range({ prefix: Uint8Array.of(1, 0xff) }).end ?? [])], [2]);
});

test('the result of a transaction has the types of its steps', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const done = await client.txn({
    if: [{ key: 'a', target: 'version', op: '=', value: 0 }],
    then: [{ put: 'a', value: '1', previous: true }, { get: 'a' }, { list: { prefix: '' } }, { delete: 'nothing' }],
    else: [{ get: 'a' }],
  });
  if (done.branch === 'then') {
    const [put, get, list, deleted] = done.results;
    void (true satisfies Same<typeof put, { readonly previous: Entry | null }>);
    void (true satisfies Same<typeof get, Entry | null>);
    void (true satisfies Same<typeof list.entries, readonly Entry[]>);
    void (true satisfies Same<typeof deleted.deleted, number>);
    assert.deepEqual([put.previous, get?.text(), list.count, deleted.deleted], [null, '1', 1, 0]);
  } else {
    void (true satisfies Same<typeof done.results, readonly [Entry | null]>);
    assert.fail('the key was there');
  }
  const plain = await client.put('b', 'x');
  void (true satisfies Same<typeof plain, PutDone>);
  const compared = await client.put('b', 'y', { ifRevision: plain.revision });
  void (true satisfies Same<typeof compared, PutDone | CompareLost>);
  const keys = await client.list('b', { keysOnly: true });
  void (true satisfies Same<typeof keys.entries, readonly KeyEntry[]>);
  // @ts-expect-error a transaction needs something to do
  await assert.rejects(client.txn({ if: [] }));
});
