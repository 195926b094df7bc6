import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxPeerStores, maxRecordBytes } from '../bounds.ts';
import { StorageError, type StorageErrorCode } from '../storage-error.ts';
import type { Bench, Implementation } from './bench.ts';
import { entries, entry, founders, index, job, member, plain } from './entries.ts';

const peerUuid = '11111111-2222-4333-8444-555555555555';
const otherUuid = '99999999-2222-4333-8444-555555555555';

export function refusedAs(code: StorageErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof StorageError && error.code === code && error.message.endsWith(`. ${error.action}`);
}

export function logClaims(implementation: Implementation, bench: () => Bench): void {
  const log = () => bench().storage.log;
  const all = async () => plain(await log().read(index(1), log().tail, Number.MAX_SAFE_INTEGER));

  test('a new log is empty, in term 0, and knows the founding configuration', () => {
    assert.deepEqual(log().recovered, {
      hardState: { term: 0, vote: null, commit: 0 },
      acknowledged: { term: 0, index: 0 },
      base: { index: 0, term: 0 },
      configuration: founders,
      terms: [],
      tail: 0,
    });
  });

  test('what was persisted is there after a reopen', async () => {
    await log().persist([job({ term: 1, vote: 2, entries: entries(1, 3, 1) })]);
    await log().persist([
      job({ term: 2, commit: 3, entries: entries(4, 5, 2), acknowledged: { term: 2 as never, index: index(5) } }),
    ]);
    await bench().reopen();
    assert.deepEqual(log().recovered, {
      hardState: { term: 2, vote: null, commit: 3 },
      acknowledged: { term: 2, index: 5 },
      base: { index: 0, term: 0 },
      configuration: founders,
      terms: [
        { term: 1, first: 1 },
        { term: 2, first: 4 },
      ],
      tail: 5,
    });
    assert.deepEqual(await all(), [...entries(1, 3, 1), ...entries(4, 5, 2)]);
  });

  test('a job without entries changes term and vote alone', async () => {
    await log().persist([job({ term: 1, entries: entries(1, 2, 1) })]);
    await log().persist([job({ term: 3, vote: 3, tail: 2, acknowledged: { term: 1 as never, index: index(2) } })]);
    await bench().reopen();
    assert.deepEqual(log().recovered.hardState, { term: 3, vote: 3, commit: 0 });
    assert.deepEqual(await all(), entries(1, 2, 1));
  });

  for (const [where, from] of [
    ['in the middle of a packed record', 4],
    ['at the beginning of a record', 7],
    ['behind the first entry', 2],
    ['at the first entry', 1],
    ['at the last entry', 12],
  ] as const) {
    test(`entries replaced ${where} are gone, and do not come back under a longer tail`, async () => {
      await log().persist([job({ term: 1, entries: entries(1, 6, 1) })]);
      await log().persist([job({ term: 1, entries: entries(7, 12, 1) })]);
      await log().persist([
        job({ term: 2, entries: [entry(from, 2)], acknowledged: { term: 2 as never, index: index(from) } }),
      ]);
      assert.equal(log().tail, from);
      const expected = [...entries(1, from - 1, 1), entry(from, 2)];
      assert.deepEqual(await all(), expected);
      await bench().reopen();
      assert.deepEqual(await all(), expected);
      await log().persist([job({ term: 2, entries: entries(from + 1, 14, 2) })]);
      await bench().reopen();
      assert.deepEqual(await all(), [...entries(1, from - 1, 1), ...entries(from, 14, 2)]);
      assert.deepEqual(
        log().recovered.terms,
        from === 1
          ? [{ term: 2, first: 1 }]
          : [
              { term: 1, first: 1 },
              { term: 2, first: from },
            ],
      );
    });
  }

  test('neighbouring jobs are merged as if they had been persisted one after the other', async () => {
    await log().persist([
      job({ term: 1, entries: entries(1, 8, 1) }),
      job({ term: 2, entries: entries(3, 9, 2) }),
      job({ term: 2, entries: entries(10, 11, 2) }),
      job({ term: 3, entries: entries(6, 6, 3), acknowledged: { term: 3 as never, index: index(6) } }),
      job({ term: 4, vote: 1, tail: 6, acknowledged: { term: 3 as never, index: index(6) } }),
    ]);
    const expected = [...entries(1, 2, 1), ...entries(3, 5, 2), entry(6, 3)];
    assert.deepEqual(await all(), expected);
    await bench().reopen();
    assert.deepEqual(await all(), expected);
    assert.deepEqual(log().recovered.hardState, { term: 4, vote: 1, commit: 0 });
  });

  test('a batch larger than one record, with an entry larger than one record, is read back whole', async () => {
    const large = [
      ...entries(1, 3, 1, maxRecordBytes / 2),
      entry(4, 1, maxRecordBytes * 2),
      ...entries(5, 40, 1, 50_000),
    ];
    await log().persist([job({ term: 1, entries: large })]);
    await bench().reopen();
    assert.deepEqual(await all(), large);
    await log().persist([
      job({ term: 2, entries: [entry(30, 2)], acknowledged: { term: 2 as never, index: index(30) } }),
    ]);
    await bench().reopen();
    assert.deepEqual(await all(), [...large.slice(0, 29), entry(30, 2)]);
  });

  test('a read ends at its limit of bytes, and returns at least one entry', async () => {
    await log().persist([job({ term: 1, entries: entries(1, 5, 1, 100) })]);
    await log().persist([job({ term: 1, entries: entries(6, 10, 1, 100) })]);
    const lengthOf = async (from: number, to: number, maxBytes: number) =>
      (await log().read(index(from), index(to), maxBytes)).map((each) => each.index);
    assert.deepEqual(await lengthOf(4, 10, 300), [4, 5, 6]);
    assert.deepEqual(await lengthOf(4, 10, 399), [4, 5, 6]);
    assert.deepEqual(await lengthOf(4, 10, 0), [4]);
    assert.deepEqual(await lengthOf(6, 6, 1_000_000), [6]);
    assert.deepEqual(await lengthOf(2, 9, 1_000_000), [2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('a peer store is remembered, and another one for the same member is refused', async () => {
    await log().notePeerStore(member(2), peerUuid);
    await log().notePeerStore(member(2), peerUuid);
    await assert.rejects(log().notePeerStore(member(2), otherUuid), refusedAs('wrong-peer-store'));
    await log().persist([job({ term: 1, entries: entries(1, 1, 1) })]);
    await bench().reopen();
    assert.deepEqual([...log().peerStores], [[2, peerUuid]]);
    await assert.rejects(log().notePeerStore(member(2), otherUuid), refusedAs('wrong-peer-store'));
  });

  test('the stores of members that are gone are forgotten with the next note, for good', async () => {
    await log().notePeerStore(member(2), peerUuid);
    await log().notePeerStore(member(3), otherUuid);
    await log().notePeerStore(member(4), peerUuid, [member(2), member(9)]);
    await bench().reopen();
    assert.deepEqual(
      log().peerStores,
      new Map([
        [3, otherUuid],
        [4, peerUuid],
      ]),
    );
    await assert.rejects(log().notePeerStore(member(5), peerUuid, [member(5)]), refusedAs('misuse'));
  });

  test('one peer too many is refused and harms nothing; when one is gone there is room', async () => {
    for (let id = 2; id < maxPeerStores + 2; id++) await log().notePeerStore(member(id), peerUuid);
    await assert.rejects(log().notePeerStore(member(5_000), peerUuid), refusedAs('too-many-peers'));
    await log().persist([job({ term: 1, entries: entries(1, 2, 1) })]);
    await log().notePeerStore(member(5_000), peerUuid, [member(2)]);
    await bench().reopen();
    assert.deepEqual([log().peerStores.size, log().peerStores.has(member(2))], [maxPeerStores, false]);
  });

  test('a note beside a persist waits its turn, and both are durable', async () => {
    await Promise.all([
      log().persist([job({ term: 1, entries: entries(1, 4, 1) })]),
      log().notePeerStore(member(2), peerUuid),
      log().notePeerStore(member(3), otherUuid),
    ]);
    await bench().reopen();
    assert.deepEqual(
      log().peerStores,
      new Map([
        [2, peerUuid],
        [3, otherUuid],
      ]),
    );
    assert.deepEqual(await all(), entries(1, 4, 1));
  });

  test('a second persist beside the first is refused and harms nothing', async () => {
    const first = log().persist([job({ term: 1, entries: entries(1, 2, 1) })]);
    await assert.rejects(log().persist([job({ term: 1, entries: entries(3, 3, 1) })]), refusedAs('misuse'));
    await first;
    assert.deepEqual(await all(), entries(1, 2, 1));
  });

  test('a job that contradicts the log is refused before anything is written', async () => {
    await log().persist([job({ term: 2, vote: 1, commit: 3, entries: entries(1, 5, 2) })]);
    const pair = { term: 2 as never, index: index(5) };
    const wrong = {
      'a gap': job({ term: 2, vote: 1, entries: entries(7, 7, 2) }),
      'a gap inside': job({ term: 2, vote: 1, entries: [entry(6, 2), entry(8, 2)] }),
      'a lower term': job({ term: 1, tail: 5, acknowledged: pair }),
      'another vote in the term': job({ term: 2, vote: 2, tail: 5 }),
      'a vote taken back': job({ term: 2, tail: 5 }),
      'less acknowledged': job({ term: 3, tail: 5, acknowledged: { term: 2 as never, index: index(4) } }),
      'a committed entry replaced': job({
        term: 3,
        entries: [entry(3, 3)],
        acknowledged: { term: 3 as never, index: index(3) },
      }),
      'a falling term of entries': job({ term: 3, entries: [entry(6, 1)] }),
      'an entry of a later term': job({ term: 3, entries: [entry(6, 4)] }),
      'a tail that is not the last entry': job({ term: 3, entries: [entry(6, 3)], tail: 7 }),
    };
    for (const [what, bad] of Object.entries(wrong)) {
      await assert.rejects(log().persist([bad]), refusedAs('misuse'), what);
      await assert.rejects(log().persist([job({ term: 2, vote: 1, tail: 5 }), bad]), refusedAs('misuse'), what);
    }
    await assert.rejects(log().persist([]), refusedAs('misuse'));
    await assert.rejects(log().read(index(5), index(6), 1), refusedAs('misuse'));
    await assert.rejects(log().read(index(0), index(1), 1), refusedAs('misuse'));
    await log().persist([job({ term: 2, vote: 1, commit: 5, entries: entries(6, 6, 2) })]);
    await bench().reopen();
    assert.deepEqual(await all(), entries(1, 6, 2));
  });

  test('reads beside writes that truncate see the log before or after, never a mixture', async () => {
    await log().persist([job({ term: 1, entries: entries(1, 40, 1) })]);
    for (let term = 2; term < 30; term++) {
      const from = 40 - term;
      const write = log().persist([job({ term, entries: entries(from, from + (term % 3), term) })]);
      const reads = [1, 2, 3].map(async () => log().read(index(1), log().tail, 1_000_000));
      for (const found of await Promise.all(reads)) {
        assert.deepEqual(
          found.map((each) => each.index),
          Array.from({ length: found.length }, (_, at) => at + 1),
        );
      }
      await write;
    }
  });

  test('a closed log refuses every call', async () => {
    await bench().storage.close();
    await bench().storage.close();
    await assert.rejects(log().persist([job({ term: 1, entries: entries(1, 1, 1) })]), refusedAs('closed'));
    await assert.rejects(log().notePeerStore(member(2), peerUuid), refusedAs('closed'));
  });

  if (implementation.failsOnDemand) {
    test('a failed write poisons the log: every later call rejects with the same error', async () => {
      await log().persist([job({ term: 1, entries: entries(1, 1, 1) })]);
      bench().subject.failNextWrite?.();
      const failing = log().persist([job({ term: 1, entries: entries(2, 2, 1) })]);
      const error: unknown = await failing.catch((reason: unknown) => reason);
      assert.ok(refusedAs('write-failed')(error));
      const same = (other: unknown): boolean => other === error;
      await assert.rejects(log().persist([job({ term: 1, entries: entries(2, 2, 1) })]), same);
      await assert.rejects(log().read(index(1), index(1), 1), same);
      await assert.rejects(log().notePeerStore(member(2), peerUuid), same);
    });
  }
}
