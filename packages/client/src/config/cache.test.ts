import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitsSchema, MemoryCache, numberSchema } from '../../testing/documents.ts';
import { Harness, until } from '../../testing/harness.ts';
import { TestNetwork } from '../../testing/network.ts';
import { createClient } from '../create-client.ts';
import { ConclaveError } from '../error.ts';
import { encodeCache } from './cache.ts';

const spec = { name: 'limits', key: 'config/limits', schema: limitsSchema, fallback: null };
const saved = (text: string, savedMs = 0, revision = 1): string => encodeCache(savedMs, [spec], [{ text, revision }]);

test('with a cache a program starts without its cluster, and follows it when it comes', async (context) => {
  const harness = await Harness.start(context);
  const cache = new MemoryCache();
  const { client: writer } = await harness.client();
  await writer.put('config/limits', '{"perSecond":5}');
  {
    const { client } = await harness.client();
    await using _limits = await client.config('limits', limitsSchema, { cache });
  }
  assert.equal(cache.saves, 1);
  const network = new TestNetwork(harness.cluster);
  for (const id of harness.cluster.ids) network.down.add(id);
  const client = await createClient(network.environment, { endpoints: harness.cluster.endpoints, waitForReady: false });
  context.after(async () => client.close());
  assert.equal(client.state, 'connecting');
  network.wallSkippedMs = 60_000;
  await using limits = await client.config('limits', limitsSchema, { cache, cacheAfterMs: 1 });
  assert.deepEqual([limits.value.perSecond, limits.fromCache], [5, true]);
  assert.ok(limits.staleMs >= 60_000);
  const previous: number[] = [];
  limits.on('change', (change) => previous.push(change.previous.perSecond, change.value.perSecond));
  await writer.put('config/limits', '{"perSecond":6}');
  network.down.clear();
  await until(() => !limits.fromCache);
  assert.deepEqual([limits.value.perSecond, previous], [6, [5, 6]]);
  assert.ok(limits.staleMs < 60_000);
  await until(() => cache.text?.includes('6') === true);
});

test('what the cache has and the cluster has is no change', async (context) => {
  const harness = await Harness.start(context);
  const { client, network } = await harness.client();
  const { revision } = await client.put('config/limits', '{"perSecond":5}');
  network.cutOff();
  const cache = new MemoryCache();
  cache.text = saved('{"perSecond":5}', 0, revision);
  await using limits = await client.config('limits', limitsSchema, { cache, cacheAfterMs: 1 });
  const { value } = limits;
  assert.ok(limits.fromCache);
  network.down.clear();
  network.current?.cut();
  await until(() => !limits.fromCache);
  assert.equal(limits.value, value);
});

test('a cluster that is there is preferred, and an invalid document there is not: what was valid last stays', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const cache = new MemoryCache();
  cache.text = saved('{"perSecond":5}');
  await client.put('config/limits', '{"perSecond":6}');
  {
    await using limits = await client.config('limits', limitsSchema, { cache, cacheAfterMs: 30_000 });
    assert.deepEqual([limits.value.perSecond, limits.fromCache], [6, false]);
  }
  await client.put('config/limits', 'broken');
  await using limits = await client.config('limits', limitsSchema, { cache, cacheAfterMs: 30_000 });
  const invalid: string[] = [];
  limits.on('invalid', (_issues, _revision, name) => invalid.push(name));
  assert.deepEqual([limits.value.perSecond, limits.fromCache], [6, true]);
  await until(() => invalid.length === 1);
  await client.put('config/limits', '{"perSecond":7}');
  await until(() => limits.value.perSecond === 7);
  assert.equal(limits.fromCache, false);
});

for (const [what, text] of [
  ['cut off', saved('{"perSecond":5}').slice(0, -3)],
  ['of another format', '{"format":2}'],
  ['no longer valid by the schema', saved('{"perSecond":"5"}')],
  ['without the document', encodeCache(0, [spec], [null])],
] as const) {
  test(`a cache that is ${what} is ignored, and told of`, async (context) => {
    const harness = await Harness.start(context, 1);
    const { client, network } = await harness.client();
    const cache = new MemoryCache();
    cache.text = text;
    await client.put('config/limits', '{"perSecond":6}');
    await using limits = await client.config('limits', limitsSchema, { cache });
    const failures: unknown[] = [];
    limits.on('cacheFailed', (error) => failures.push(error));
    assert.equal(limits.value.perSecond, 6);
    await until(() => failures.length === 1);
    await until(() => cache.text?.includes('6') === true);
    // And where there is nothing else, it is the reason that is given.
    cache.text = text;
    network.cutOff();
    await assert.rejects(
      client.config('limits', limitsSchema, { cache, timeoutMs: 20 }),
      (error) =>
        ConclaveError.is(error, 'DEADLINE_EXCEEDED') && error.cause !== undefined && /cache/.test(error.message),
    );
    // So that its session ends in order.
    network.current?.cut();
    network.down.clear();
  });
}

test('a cache that cannot be written stops nothing', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const cache = new MemoryCache();
  await client.put('config/limits', '{"perSecond":6}');
  await using limits = await client.config('limits', limitsSchema, { cache });
  const failures: unknown[] = [];
  limits.on('cacheFailed', (error) => failures.push(error));
  cache.broken = new Error('no room');
  await client.put('config/limits', '{"perSecond":7}');
  await until(() => failures.length === 1);
  assert.deepEqual([failures[0], limits.value.perSecond], [cache.broken, 7]);
});

test('of several documents the cache gives those that were valid together, and the cluster afterwards what it has', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const cache = new MemoryCache();
  const documents = {
    limits: { name: 'limits', schema: limitsSchema },
    rollout: { name: 'rollout', schema: numberSchema('percent') },
  };
  const write = async (limits: string, percent: string): Promise<void> => {
    await client.txn({
      then: [
        { put: 'config/limits', value: limits },
        { put: 'config/rollout', value: percent },
      ],
    });
  };
  await write('{"perSecond":1}', '{"percent":1}');
  {
    await using _config = await client.config(documents, { cache });
  }
  await write('{"perSecond":2}', 'broken');
  await using config = await client.config(documents, { cache });
  assert.deepEqual([config.value, config.fromCache], [{ limits: { perSecond: 1 }, rollout: { percent: 1 } }, true]);
  await client.put('config/rollout', '{"percent":1}');
  await until(() => !config.fromCache);
  assert.deepEqual(config.value, { limits: { perSecond: 2 }, rollout: { percent: 1 } });
});
