import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ObjectStore, objectStoreAt, updateFenced } from '../../../../docs/examples/fencing/object-store.ts';
import { StaleFence } from '../../../../docs/examples/fencing/stale-fence.ts';
import { Bucket } from './bucket.ts';

const earlier = { name: 'report', fence: 5 };
const later = { name: 'report', fence: 6 };
const key = 'report';

/** Does something once, behind a get and before the put that follows. */
function interrupted(store: ObjectStore, interruption: () => Promise<unknown>): ObjectStore {
  let isDone = false;
  return {
    get: async (name) => store.get(name),
    put: async (...args) => {
      if (!isDone) {
        isDone = true;
        await interruption();
      }
      return store.put(...args);
    },
  };
}

const count = (value: number | null): number => (value ?? 0) + 1;

for (const before of [0, 1]) {
  test(`a late put fails on the version that it read, and is refused at its second look (${before} objects before)`, async () => {
    await using bucket = await Bucket.start();
    const store = objectStoreAt(bucket.url);
    for (let at = 0; at < before; at++) await updateFenced(store, earlier, key, count);
    const late = interrupted(store, async () => updateFenced(store, later, key, count));
    await assert.rejects(updateFenced(late, earlier, key, count), StaleFence);
    assert.equal(bucket.contentOf(key), JSON.stringify({ fence: 6, value: before + 1 }));
  });
}

test('two updates under one fence are both kept, whatever comes in between', async () => {
  await using bucket = await Bucket.start();
  const store = objectStoreAt(bucket.url);
  const first = interrupted(store, async () => updateFenced(store, later, key, count));
  assert.equal(await updateFenced(first, later, key, count), 2);
  assert.equal(bucket.contentOf(key), JSON.stringify({ fence: 6, value: 2 }));
});

test('a late put fails also when the later holder wrote the same value again', async () => {
  await using bucket = await Bucket.start();
  const store = objectStoreAt(bucket.url);
  await updateFenced(store, earlier, key, () => 'same');
  const late = interrupted(store, async () => updateFenced(store, later, key, () => 'same'));
  await assert.rejects(
    updateFenced(late, earlier, key, () => 'late'),
    StaleFence,
  );
});

test('with the fence in the metadata that late put goes through: the ETag is that of the content', async () => {
  await using bucket = await Bucket.start();
  const url = `${bucket.url}/${key}`;
  const put = async (content: string, fence: number, condition: Record<string, string>): Promise<number> => {
    const headers = { 'x-amz-meta-fence': `${fence}`, ...condition };
    return (await fetch(url, { method: 'PUT', body: content, headers })).status;
  };
  await put('same', 5, {});
  const read = await fetch(url);
  assert.equal(read.headers.get('x-amz-meta-fence'), '5');
  const etag = read.headers.get('etag') ?? '';
  assert.equal(await put('same', 6, { 'if-match': etag }), 200);
  assert.equal(await put('late', 5, { 'if-match': etag }), 200, 'S3 would not refuse it');
  assert.equal(bucket.contentOf(key), 'late');
});
