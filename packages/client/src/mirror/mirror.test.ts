import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitsSchema } from '../../testing/documents.ts';
import { Harness, until } from '../../testing/harness.ts';
import { ConclaveError } from '../error.ts';
import type { MirrorChange } from './change.ts';

test('a mirror is whole when it is there, in the order of the keys, also of an empty selection', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  await using nothing = await client.mirror({ prefix: 'nothing/' });
  assert.deepEqual([nothing.size, nothing.list(), nothing.get('nothing/k')], [0, [], null]);
  // In UTF-16 the second would come behind the third.
  const keys = ['k/a', 'k/\u{FFFD}', 'k/\u{1F600}', 'other', 'one'];
  for (const key of keys) await client.put(key, key);
  await using mirror = await client.mirror([{ prefix: 'k/' }, 'one']);
  assert.deepEqual(
    [...mirror].map((entry) => entry.text()),
    ['k/a', 'k/\u{FFFD}', 'k/\u{1F600}', 'one'],
  );
  assert.deepEqual(
    mirror.list({ prefix: 'k/' }, { reverse: true, limit: 2 }).map(({ key }) => key),
    ['k/\u{1F600}', 'k/\u{FFFD}'],
  );
  assert.equal(mirror.get('one')?.text(), 'one');
  assert.throws(() => mirror.get('other'), { code: 'INVALID_ARGUMENT' });
});

test('what was written is there when its revision has been waited for, also when it was another key', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  await using mirror = await client.mirror({ prefix: 'k/' });
  for (let n = 0; n < 50; n++) {
    const { revision } = await client.put('k/n', `${n}`);
    await mirror.waitFor(revision);
    assert.equal(mirror.get('k/n')?.text(), `${n}`);
    assert.ok(mirror.revision >= revision);
  }
  const { revision } = await client.put('elsewhere', '');
  await mirror.waitFor(revision, { timeoutMs: 5_000 });
  await assert.rejects(mirror.waitFor(revision + 1, { timeoutMs: 20 }), { code: 'DEADLINE_EXCEEDED' });
  const signal = AbortSignal.abort('enough');
  await assert.rejects(mirror.waitFor(revision + 1, { signal }), { code: 'CANCELLED' });
});

test('a change is told when all of its revision is there, with what was there before, who and why', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client({ author: 'ann' });
  await client.put('k/a', '1');
  await using mirror = await client.mirror({ prefix: 'k/' });
  const kept = mirror.view();
  const told: (readonly [MirrorChange, string])[] = [];
  const dump = (): string =>
    mirror
      .list()
      .map((entry) => `${entry.key}=${entry.text()}`)
      .join();
  mirror.on('change', (change) => told.push([change, dump()]));
  const { revision } = await client.txn(
    {
      then: [
        { put: 'k/a', value: '2' },
        { put: 'k/b', value: '1' },
        { put: 'other', value: '' },
      ],
    },
    { reason: 'why not' },
  );
  await client.delete('k/a');
  await until(() => told.length === 2);
  const [[put, afterPut], [gone, afterDelete]] = told as [[MirrorChange, string], [MirrorChange, string]];
  assert.deepEqual([put.revision, put.author, put.reason, put.synthetic], [revision, 'ann', 'why not', null]);
  assert.deepEqual(
    put.events.map((event) => [event.type, event.key, event.previous?.text() ?? null]),
    [
      ['put', 'k/a', '1'],
      ['put', 'k/b', null],
    ],
  );
  assert.deepEqual([afterPut, afterDelete], ['k/a=2,k/b=1', 'k/b=1']);
  assert.deepEqual(
    gone.events.map((event) => [event.type, event.key, event.previous?.text() ?? null]),
    [['delete', 'k/a', '2']],
  );
  assert.deepEqual(
    [...kept].map((entry) => entry.text()),
    ['1'],
  );
});

test('what a compaction or a restore made of the keys is told as the difference', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: writer } = await harness.client();
  for (const key of ['k/a', 'k/b', 'k/c']) await writer.put(key, '1');
  await using mirror = await client.mirror({ prefix: 'k/' });
  const told: MirrorChange[] = [];
  mirror.on('change', (change) => told.push(change));
  network.cutOff();
  await writer.delete('k/a');
  await writer.put('k/b', '2');
  await writer.put('k/d', '1');
  const { revision } = await writer.put('k/d', '2');
  await writer.perform({ type: 'compact', revision });
  network.down.clear();
  network.current?.cut();
  await mirror.waitFor(revision);
  const shown = ({ events, synthetic }: MirrorChange): unknown => [
    synthetic,
    ...events.map((event) => `${event.type} ${event.key} ${event.type === 'put' ? event.entry.text() : ''}`),
  ];
  assert.deepEqual(told.map(shown), [['compacted', 'delete k/a ', 'put k/b 2', 'put k/d 2']]);

  const waits = assert.rejects(mirror.waitFor(Number.MAX_SAFE_INTEGER), { code: 'COMPACTED' });
  const view = mirror.view();
  network.cutOff();
  await writer.delete('k/c');
  for (const id of harness.cluster.ids) network.incarnations.set(id, 2);
  network.down.clear();
  network.current?.cut();
  await until(() => told.length === 2);
  await waits;
  assert.deepEqual(told.slice(1).map(shown), [['restored', 'delete k/c ']]);
  // What is the same is the same object: a state that comes again costs no memory for what did not change.
  assert.equal(mirror.get('k/b'), view.get('k/b'));
});

test('a slow reader of changes gets the difference, one that keeps up each revision', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  await client.put('k/gone', '');
  await using mirror = await client.mirror({ prefix: 'k/' });
  const changes = mirror.changes()[Symbol.asyncIterator]();
  for (let n = 0; n < 3; n++) {
    const { revision } = await client.put('k/n', `${n}`);
    const { value } = await changes.next();
    assert.deepEqual([value?.revision, value?.synthetic], [revision, null]);
  }
  await client.put('k/new', '');
  await client.put('k/short', '');
  await client.delete('k/short');
  const { revision } = await client.delete('k/gone');
  await mirror.waitFor(revision);
  const { done, value } = await changes.next();
  assert.ok(done !== true);
  assert.deepEqual(
    [value.revision, value.synthetic, value.events.map(({ key, type }) => `${type} ${key}`)],
    [revision, 'slow', ['delete k/gone', 'put k/new']],
  );
});

test('a mirror that outgrows its bound ends and says so, at the beginning and later, and shows nothing stale', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const maxBytes = 50_000;
  await using mirror = await client.mirror({ prefix: 'k/' }, { maxBytes });
  let n = 0;
  while (!mirror.signal.aborted) {
    assert.ok(mirror.bytes <= maxBytes, `${mirror.bytes}`);
    const { revision } = await client.put(`k/${n++}`, new Uint8Array(10_000));
    await mirror.waitFor(revision).catch(() => {});
  }
  assert.equal(n, 5);
  const isExceeded = (error: unknown): boolean =>
    ConclaveError.is(error, 'LIMIT_EXCEEDED') && error.details['limit'] === maxBytes;
  assert.ok(isExceeded(mirror.signal.reason));
  assert.throws(() => mirror.get('k/0'), isExceeded);
  await assert.rejects(mirror.waitFor(1), isExceeded);
  await assert.rejects(client.mirror({ prefix: 'k/' }, { maxBytes }), isExceeded);
  await until(() => harness.cluster.ids.every((id) => harness.cluster.member(id)?.counts.watches === 0));
});

test('closing ends it here and at the member; nobody who waits is forgotten', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const watches = (): number =>
    harness.cluster.ids.reduce((sum, id) => sum + (harness.cluster.member(id)?.counts.watches ?? 0), 0);
  const mirror = await client.mirror('k');
  assert.equal(watches(), 1);
  const waits = assert.rejects(mirror.waitFor(1_000), { code: 'CANCELLED' });
  const changes = assert.rejects(mirror.changes()[Symbol.asyncIterator]().next(), { code: 'CANCELLED' });
  await mirror.close();
  await mirror.close();
  await Promise.all([waits, changes]);
  assert.throws(() => mirror.get('k'), { code: 'CANCELLED' });
  await until(() => watches() === 0);

  const other = await client.mirror('k');
  await client.close();
  assert.ok(ConclaveError.is(other.signal.reason, 'CLIENT_CLOSED'));
  assert.throws(() => other.revision, { code: 'CLIENT_CLOSED' });
  await until(() => network.timersRunning === 0);
});

test('opening gives up at its time and by its signal, and leaves no watch', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  network.cutOff();
  await assert.rejects(client.mirror('k', { timeoutMs: 20 }), { code: 'DEADLINE_EXCEEDED' });
  const controller = new AbortController();
  const opening = client.mirror('k', { signal: controller.signal });
  controller.abort('enough');
  await assert.rejects(opening, (error) => ConclaveError.is(error, 'CANCELLED') && error.cause === 'enough');
  await client.close();
  assert.equal(network.timersRunning, 0);
});

test('at a member that is behind, a mirror and a document begin with what their client has seen', async (context) => {
  const harness = await Harness.start(context);
  const { cluster } = harness;
  const { client, network } = await harness.client({ identity: 'idempotency-key' });
  const behind = cluster.ids.find((id) => id !== cluster.leader) ?? 0;
  await client.put('config/limits', '{"perSecond":1}');
  await until(() => cluster.ids.every((id) => cluster.member(id)?.applied === cluster.member(behind)?.applied));
  cluster.isolate(behind);
  await client.put('config/limits', '{"perSecond":2}');
  for (const id of cluster.ids) if (id !== behind) network.down.add(id);
  network.current?.cut();
  await until(() => client.state === 'ready' && network.current?.memberId === behind);
  await assert.rejects(client.mirror({ prefix: 'config/' }, { timeoutMs: 300 }), { code: 'DEADLINE_EXCEEDED' });
  const opening = Promise.all([client.mirror({ prefix: 'config/' }), client.config('limits', limitsSchema)]);
  cluster.rejoin(behind);
  const [mirror, limits] = await opening;
  assert.deepEqual([mirror.get('config/limits')?.text(), limits.value.perSecond], ['{"perSecond":2}', 2]);
  network.down.clear();
});
