import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Limits, limitsSchema as schema, slowLimitsSchema } from '../../testing/documents.ts';
import { Harness, until } from '../../testing/harness.ts';

test('a document is typed and live, and an invalid one leaves the last valid value in place', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: writer } = await harness.client();
  await assert.rejects(client.config('payments/limits', schema), { code: 'NOT_FOUND' });
  await writer.put('config/payments/limits', '{"perSecond":5}');
  await using limits = await client.config('payments/limits', schema);
  assert.equal(limits.value.perSecond, 5);
  const invalid: string[] = [];
  limits.on('invalid', (issues) => invalid.push(issues.map(({ message }) => message).join()));
  const change = limits.changes()[Symbol.asyncIterator]().next();
  await writer.put('config/payments/limits', '{"perSecond":"many"}');
  await until(() => invalid.length === 1);
  assert.equal(limits.value.perSecond, 5);
  await writer.put('config/payments/limits', 'no JSON');
  await until(() => invalid.length === 2);
  await writer.delete('config/payments/limits');
  await until(() => invalid.length === 3);
  assert.equal(limits.value.perSecond, 5);
  await writer.put('config/payments/limits', '{"perSecond":7}');
  const { value } = await change;
  assert.deepEqual(value === undefined ? null : [value.previous, value.value], [{ perSecond: 5 }, { perSecond: 7 }]);
  assert.equal(limits.value.perSecond, 7);
  assert.ok(limits.staleMs >= 0, 'it is not so');
});

test('a slow reader of changes sees the latest, and follows over a lost connection', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: writer } = await harness.client();
  await using limits = await client.config('l', schema, { default: { perSecond: 0 } });
  assert.equal(limits.revision, 0);
  const changes = limits.changes()[Symbol.asyncIterator]();
  const first = changes.next();
  await writer.put('config/l', '{"perSecond":1}');
  assert.equal((await first).value?.value.perSecond, 1);
  network.current?.cut();
  for (let n = 2; n <= 9; n++) await writer.put('config/l', `{"perSecond":${n}}`);
  await until(() => limits.value.perSecond === 9);
  assert.equal((await changes.next()).value?.value.perSecond, 9);
});

test('updates of many writers all take effect, and an invalid one is refused before it is written', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const initial = { default: { perSecond: 0 } };
  await using one = await client.config('count', schema, initial);
  await using two = await other.config('count', schema, initial);
  const increment = (current: Limits): Limits => ({ perSecond: current.perSecond + 1 });
  await Promise.all([one, two, one, two, one, two].map((config) => config.update(increment)));
  await until(() => one.value.perSecond === 6 && two.value.perSecond === 6);
  const nothing = JSON.parse('{}') as Limits;
  await assert.rejects(
    one.update(() => nothing),
    { code: 'INVALID_ARGUMENT' },
  );
  assert.equal((await client.get('config/count'))?.text(), '{"perSecond":6}');
});

test('a change says who and why; an update is seen here when it is answered, and what is the same is not written', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client({ author: 'ann' });
  await using limits = await client.config('l', slowLimitsSchema, { default: { perSecond: 1 } });
  const changes: unknown[] = [];
  limits.on('change', ({ author, previous, reason, value }) =>
    changes.push([previous.perSecond, value.perSecond, author, reason]),
  );
  // A default that is written is a document.
  const first = await limits.update((now) => now, { reason: 'begin' });
  assert.deepEqual([limits.revision, (await client.get('config/l'))?.text()], [first, '{"perSecond":1}']);
  const second = await limits.update(() => ({ perSecond: 2 }), { reason: 'more' });
  assert.deepEqual([limits.value.perSecond, limits.revision], [2, second]);
  assert.equal(await limits.update((now) => now), second);
  assert.equal((await client.get('config/l'))?.version, 2);
  assert.deepEqual(changes, [
    [1, 1, 'ann', 'begin'],
    [1, 2, 'ann', 'more'],
  ]);
  await assert.rejects(
    limits.update(() => undefined as unknown as Limits),
    { code: 'INVALID_ARGUMENT' },
  );
});

test('opening is given up at its time and by its signal, and the end of the client is the end of it', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const limits = await client.config('l', schema, { default: { perSecond: 1 } });
  network.cutOff();
  await assert.rejects(client.config('l', schema, { timeoutMs: 20 }), { code: 'DEADLINE_EXCEEDED' });
  const signal = AbortSignal.abort('enough');
  await assert.rejects(client.config('l', schema, { signal }), { code: 'CANCELLED' });
  const next = assert.rejects(limits.changes()[Symbol.asyncIterator]().next(), { code: 'CLIENT_CLOSED' });
  await client.close();
  await next;
  assert.ok(limits.signal.aborted);
  assert.equal(limits.value.perSecond, 1);
  assert.equal(network.timersRunning, 0);
});
