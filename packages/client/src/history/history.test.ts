import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { limitsSchema } from '../../testing/documents.ts';
import { Harness } from '../../testing/harness.ts';
import { configDiff, configHistory, rollbackConfig } from './config-history.ts';
import { type Difference, differences, type Json } from './difference.ts';
import { keyHistory } from './key-history.ts';

interface Told {
  readonly revision: number;
  readonly text: string | null;
  readonly reason: string | null;
}

const action = fc.oneof(
  { arbitrary: fc.constant('put' as const), weight: 6 },
  { arbitrary: fc.constant('delete' as const), weight: 3 },
  { arbitrary: fc.constant('other' as const), weight: 4 },
  { arbitrary: fc.constant('compact' as const), weight: 1 },
);

test('the history of a key is what was done to it, page by page, as far back as a compaction left it', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client({ author: 'ann' });
  const { client: reader, network } = await harness.client();
  let nth = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 1, maxLength: 25 }),
      fc.integer({ min: 1, max: 5 }),
      async (actions, limit) => {
        const key = `k/${nth++}`;
        const told: Told[] = [];
        let compacted = 0;
        for (const [at, what] of actions.entries()) {
          const reason = `${what} ${at}`;
          if (what === 'put')
            told.unshift({ revision: (await client.put(key, reason, { reason })).revision, text: reason, reason });
          else if (what === 'delete') {
            const { deleted, revision } = await client.delete(key, { reason });
            if (deleted === 1) told.unshift({ revision, text: null, reason });
          } else if (what === 'other') await client.put(`${key}/other`, reason, { reason });
          else if (told[0] !== undefined) {
            const revision = told[0].revision + (at % 2);
            await client.put(`${key}/other`, '');
            await client.perform({ type: 'compact', revision });
            // What is compacted stays so, also when somebody asks for less.
            compacted = Math.max(compacted, revision);
          }
        }
        if (nth % 5 === 0) network.current?.cut();
        // What is still the value at the compacted revision is left, without its origin; a deletion before it is not.
        const left = told.flatMap((one): Told[] => {
          if (one.revision >= compacted) return [one];
          const isPresent = told.find(({ revision }) => revision <= compacted) === one && one.text !== null;
          return isPresent ? [{ ...one, reason: null }] : [];
        });
        const found: Told[] = [];
        let before: number | null = Number.MAX_SAFE_INTEGER;
        let oldest: number | null = null;
        while (before !== null) {
          const page = await keyHistory(reader, key, { limit, before });
          assert.ok(page.revisions.length <= limit && (page.next === null || page.revisions.length === limit));
          for (const { author, entry, reason, revision, wallTimeMs } of page.revisions) {
            found.push({ revision, text: entry?.text() ?? null, reason });
            assert.deepEqual([author, wallTimeMs === null], reason === null ? [null, true] : ['ann', false]);
          }
          before = page.next;
          oldest = page.compacted;
        }
        assert.deepEqual(found, left);
        if (told.length > left.length) assert.ok(oldest !== null && oldest >= compacted);
      },
    ),
    { numRuns: 40, examples: [[['put', 'compact', 'compact', 'delete'], 1]] },
  );
});

test('the history of one key costs as much as it is long, and not as much as the history of the others', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client } = await harness.client();
  const { client: reader, network } = await harness.client();
  let bytes = 0;
  network.filters.replace = (message) => {
    if (message.type === 'watchEvents') bytes += message.bytes.length;
    return message;
  };
  for (let round = 0; round < 4; round++) {
    await client.put('k', `${round}`);
    if (round === 1) await client.delete('k');
    await Promise.all(Array.from({ length: 2_000 }, async (_, n) => client.put(`other/${n}`, 'x'.repeat(200))));
  }
  const { compacted, next, revisions } = await keyHistory(reader, 'k');
  assert.deepEqual(
    revisions.map(({ entry }) => entry?.text() ?? null),
    ['3', '2', null, '1', '0'],
  );
  assert.deepEqual([next, compacted], [null, null]);
  assert.ok(bytes < 2_000, `${bytes} bytes of events for five revisions`);
});

test('a page is given up at its time and by its signal, and the limit is one', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client, network } = await harness.client();
  await client.put('k', '');
  await assert.rejects(keyHistory(client, 'k', { limit: 0 }), { code: 'INVALID_ARGUMENT' });
  await assert.rejects(keyHistory(client, 'k', { signal: AbortSignal.abort('enough') }), { code: 'CANCELLED' });
  // The origin of what was read: the watch of it is lost with everything behind it.
  network.filters.toMember = (message) => {
    if (message.type !== 'watchCreate') return true;
    network.cutOff();
    return false;
  };
  await assert.rejects(keyHistory(client, 'k', { timeoutMs: 50 }), { code: 'DEADLINE_EXCEEDED' });
  network.filters.toMember = () => true;
  network.down.clear();
});

test('a document is compared with what it was, and rolled back by a new revision that says so', async (context) => {
  const harness = await Harness.start(context);
  const { client } = await harness.client({ author: 'ann' });
  const { client: later } = await harness.client({ author: 'bob' });
  await assert.rejects(configDiff(later, 'limits'), { code: 'NOT_FOUND' });
  const { revision: first } = await client.put('config/limits', '{"perSecond":5,"burst":[1]}', { reason: 'begin' });
  const { revision: second } = await client.put('config/limits', '{"perSecond":7,"burst":[1,2]}', { reason: 'more' });
  assert.deepEqual(await configDiff(later, 'limits'), {
    from: first,
    to: second,
    differences: [
      { op: 'replace', path: '/perSecond', previous: 5, value: 7 },
      { op: 'add', path: '/burst/1', value: 2 },
    ],
  });
  assert.deepEqual((await configDiff(later, 'limits', { to: first })).from, null);
  const back = await rollbackConfig(later, 'limits', { to: first, schema: limitsSchema });
  assert.ok(back.ok && back.changed && back.restored === first && back.revision > second);
  assert.deepEqual(await rollbackConfig(later, 'limits', { to: first }), { ...back, changed: false });
  const { revisions } = await configHistory(later, 'limits');
  assert.deepEqual(
    revisions.map(({ author, entry, reason }) => [author, reason, entry?.json()]),
    [
      ['bob', `rollback to revision ${first}`, { perSecond: 5, burst: [1] }],
      ['ann', 'more', { perSecond: 7, burst: [1, 2] }],
      ['ann', 'begin', { perSecond: 5, burst: [1] }],
    ],
  );
  await client.delete('config/limits');
  const again = await rollbackConfig(later, 'limits', { to: second, reason: 'it is needed' });
  assert.ok(again.ok && (await client.get('config/limits'))?.text().includes('7'));
  const { revision: broken } = await client.put('config/limits', '{"perSecond":"many"}');
  await client.put('config/limits', '{"perSecond":1}');
  await assert.rejects(rollbackConfig(later, 'limits', { to: broken, schema: limitsSchema }), {
    code: 'INVALID_ARGUMENT',
  });
  await assert.rejects(rollbackConfig(later, 'limits', { to: first - 1 }), { code: 'NOT_FOUND' });
  await client.perform({ type: 'compact', revision: broken });
  await assert.rejects(rollbackConfig(later, 'limits', { to: second }), { code: 'COMPACTED' });
});

test('a rollback does not undo what somebody else writes meanwhile', async (context) => {
  const harness = await Harness.start(context, 1);
  const { client, network } = await harness.client();
  const { client: other } = await harness.client();
  const { revision } = await client.put('config/limits', '{"perSecond":5}');
  await client.put('config/limits', '{"perSecond":6}');
  // The transaction of the rollback is cut off on its first way, and somebody is faster than its second.
  let isFirst = true;
  network.filters.toMember = (message) => {
    if (message.type !== 'mutate' || !isFirst) return true;
    isFirst = false;
    for (const id of harness.cluster.ids) network.down.add(id);
    void other.put('config/limits', '{"perSecond":7}').then(() => network.down.clear());
    return false;
  };
  const lost = await rollbackConfig(client, 'limits', { to: revision });
  assert.ok(!lost.ok && lost.current?.text() === '{"perSecond":7}', JSON.stringify(lost));
});

test('differences make the one out of the other', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
      // JSON knows no -0.
      const [before, after] = [one, other].map((value) => JSON.parse(JSON.stringify(value)) as Json) as [Json, Json];
      const found = differences(before, after);
      assert.deepEqual(patched(before, found), after);
      assert.equal(found.length === 0, JSON.stringify(differences(after, before)) === '[]');
      assert.deepEqual(differences(before, before), []);
    }),
    { numRuns: 1_000 },
  );
  let [deep, other]: [Json, Json] = [1, 2];
  for (let depth = 0; depth < 10_000; depth++) [deep, other] = [[deep], [other]];
  assert.equal(differences(deep, other).length, 1);
});

/** As RFC 6902 does it. */
function patched(document: Json, patch: readonly Difference[]): unknown {
  const holder: Record<string, unknown> = { root: structuredClone(document) };
  for (const step of patch) {
    const path = ['root', ...step.path.split('/').slice(1)].map((one) =>
      one.replaceAll('~1', '/').replaceAll('~0', '~'),
    );
    const name = path.pop() ?? '';
    let parent: unknown = holder;
    for (const one of path) parent = Reflect.get(parent as object, one);
    if (step.op === 'remove') {
      if (Array.isArray(parent)) parent.splice(Number(name), 1);
      else Reflect.deleteProperty(parent as object, name);
    } else
      Object.defineProperty(parent, name, { value: step.value, enumerable: true, writable: true, configurable: true });
  }
  return holder['root'];
}
