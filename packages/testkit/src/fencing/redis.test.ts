import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '@redis/client';
import { getFenced, setFenced } from '../../../../docs/examples/fencing/redis.ts';
import { StaleFence } from '../../../../docs/examples/fencing/stale-fence.ts';
import { RedisServer } from '../processes/redis-server.ts';
import { requires } from '../processes/requires.ts';

const skip = requires('redis');
const earlier = { name: 'orders/42', fence: 5 };
const later = { name: 'orders/42', fence: 6 };

async function connected({ url }: RedisServer) {
  const redis = createClient({ url });
  // Told of a server that is restarted; calls wait until it is back.
  redis.on('error', () => {});
  await redis.connect();
  return Object.assign(redis, { [Symbol.asyncDispose]: async () => redis.close() });
}

test('after its read an earlier holder writes nothing any more: what the later one writes builds on what is there', {
  skip,
}, async () => {
  await using server = await RedisServer.start();
  await using redis = await connected(server);
  await setFenced(redis, earlier, 'count', '1');
  assert.equal(await getFenced(redis, later, 'count'), '1');
  await assert.rejects(setFenced(redis, earlier, 'count', '2'), StaleFence);
  await assert.rejects(getFenced(redis, earlier, 'count'), StaleFence);
  await setFenced(redis, later, 'count', '11');
  assert.equal(await getFenced(redis, later, 'count'), '11');
});

test('a read without the fence leaves room for a late write, which is then lost', { skip }, async () => {
  await using server = await RedisServer.start();
  await using redis = await connected(server);
  await setFenced(redis, earlier, 'count', '1');
  const read = Number(await redis.get('{orders/42}:count'));
  await setFenced(redis, earlier, 'count', '2');
  await setFenced(redis, later, 'count', `${read + 10}`);
  assert.equal(await redis.get('{orders/42}:count'), '11', 'neither 12 nor a refusal');
});

test('locks do not know each other, and keys under one lock share its fence', { skip }, async () => {
  await using server = await RedisServer.start();
  await using redis = await connected(server);
  await setFenced(redis, later, 'a', '1');
  await setFenced(redis, { name: 'orders/43', fence: 1 }, 'a', '2');
  await assert.rejects(setFenced(redis, earlier, 'b', '3'), StaleFence);
});

for (const durable of [true, false]) {
  const title = durable
    ? 'with appendfsync always a Redis that was killed still refuses a late write'
    : 'a Redis that keeps nothing on its disk has forgotten the fence when it comes back, and lets a late write in';
  test(title, { skip }, async () => {
    await using server = await RedisServer.start({ durable });
    await using redis = await connected(server);
    await setFenced(redis, later, 'text', 'in time');
    await server.restart();
    const late = setFenced(redis, earlier, 'text', 'late');
    if (durable) await assert.rejects(late, StaleFence);
    else await late;
    assert.equal(await redis.get('{orders/42}:text'), durable ? 'in time' : 'late');
  });
}
