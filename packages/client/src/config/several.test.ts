import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitsSchema, numberSchema } from '../../testing/documents.ts';
import { Harness, until } from '../../testing/harness.ts';

const documents = {
  limits: { name: 'limits', schema: limitsSchema },
  rollout: { name: 'flags/rollout', schema: numberSchema('percent'), default: { percent: 0 } },
};
const put = (limits: number, percent: number): { put: string; value: string }[] => [
  { put: 'config/limits', value: JSON.stringify({ perSecond: limits }) },
  { put: 'config/flags/rollout', value: JSON.stringify({ percent }) },
];

test('several documents are one value: what was written together is seen together, and never one without the other', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { client: writer } = await harness.client();
  await assert.rejects(client.config(documents), { code: 'NOT_FOUND' });
  await writer.put('config/limits', '{"perSecond":0}');
  await using config = await client.config(documents);
  assert.deepEqual(config.value, { limits: { perSecond: 0 }, rollout: { percent: 0 } });
  const seen: number[] = [];
  config.on('change', ({ value }) => {
    assert.equal(value.limits.perSecond, value.rollout.percent);
    seen.push(value.rollout.percent);
  });
  for (let n = 1; n <= 30; n++) {
    await writer.txn({ then: put(n, n) });
    if (n % 10 === 5) network.current?.cut();
  }
  await until(() => config.value.limits.perSecond === 30);
  assert.deepEqual(
    seen,
    Array.from({ length: 30 }, (_, at) => at + 1),
  );
});

test('as long as one is invalid none of them moves, and then all at once', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  await client.txn({ then: put(1, 1) });
  await using config = await client.config(documents);
  const invalid: unknown[] = [];
  const values: unknown[] = [];
  config.on('invalid', (issues, revision, name) => invalid.push([issues.length, revision, name]));
  config.on('change', ({ value }) => values.push(value));
  const { revision } = await client.txn({
    then: [put(2, 2)[0]!, { put: 'config/flags/rollout', value: '"all"' }],
  });
  await client.put('config/limits', '{"perSecond":3}');
  await client.put('config/flags/rollout', '{"percent":3}');
  await until(() => config.value.rollout.percent === 3);
  assert.deepEqual(invalid, [[1, revision, 'flags/rollout']]);
  assert.deepEqual(values, [{ limits: { perSecond: 3 }, rollout: { percent: 3 } }]);
});

test('an update of several is one transaction on what all of them are now, and writes those that change', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  await client.txn({ then: put(10, 0) });
  await using config = await client.config(documents);
  // What the one takes the other gets, whoever comes in between: the sum stays.
  const move = async (of: typeof client): Promise<void> => {
    await using own = await of.config(documents);
    for (let n = 0; n < 5; n++) {
      await own.update(({ limits, rollout }) => ({
        limits: { perSecond: limits.perSecond - 1 },
        rollout: { percent: rollout.percent + 1 },
      }));
      assert.equal(own.value.limits.perSecond + own.value.rollout.percent, 10);
    }
  };
  await Promise.all([move(client), move(other)]);
  await until(() => config.value.rollout.percent === 10);
  const before = await client.get('config/flags/rollout');
  await config.update((now) => ({ ...now, limits: { perSecond: 7 } }));
  assert.equal((await client.get('config/flags/rollout'))?.modRevision, before?.modRevision);
  assert.deepEqual(config.value, { limits: { perSecond: 7 }, rollout: { percent: 10 } });
});

test('an update behind an invalid document changes what is there, and not what was there before', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  await client.txn({ then: put(1, 1) });
  await using config = await client.config(documents);
  await client.put('config/flags/rollout', 'broken');
  const { revision } = await client.put('config/limits', '{"perSecond":5}');
  assert.ok((await config.update((now) => ({ ...now, rollout: { percent: now.rollout.percent + 1 } }))) > revision);
  assert.deepEqual(config.value, { limits: { perSecond: 5 }, rollout: { percent: 2 } });
});

test('a document that is named twice, and more than a watch can follow, are refused', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const { limits } = documents;
  await assert.rejects(client.config({ a: limits, b: limits }), { code: 'INVALID_ARGUMENT' });
  const many = Array.from({ length: 65 }, (_, at) => [`d${at}`, { ...limits, name: `d${at}` }] as const);
  await assert.rejects(client.config(Object.fromEntries(many)), { code: 'INVALID_ARGUMENT' });
});
