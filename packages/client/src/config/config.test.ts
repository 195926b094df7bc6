import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../../testing/harness.ts';
import type { StandardSchema } from './standard-schema.ts';

interface Limits {
  readonly perSecond: number;
}

const schema: StandardSchema<Limits> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof value === 'object' && value !== null && 'perSecond' in value && typeof value.perSecond === 'number'
        ? { value: { perSecond: value.perSecond } }
        : { issues: [{ message: 'a number is expected', path: ['perSecond'] }] },
  },
};

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
