// The log loses its front: only what the state has, never an entry that is still to be read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sweptRecordsPerBatch } from '../bounds.ts';
import type { Bench } from './bench.ts';
import { bytes, entries, entry, founders, index, job, member, plain, position } from './entries.ts';
import { refusedAs } from './log-claims.ts';

export function truncationClaims(bench: () => Bench): void {
  const log = () => bench().storage.log;
  const checkpoint = async (at: number, term = 1) =>
    bench().storage.state.checkpoint({
      position: position(at, term),
      configuration: founders,
      digest: bytes(''),
      changes: [],
    });
  const from = async (first: number) => plain(await log().read(index(first), log().tail, Number.MAX_SAFE_INTEGER));
  /** Cuts the front off, and nothing else. */
  const begin = (at: number, term = 1, tail: number = log().tail) =>
    job({ term, commit: tail, tail, base: position(at, term) });

  for (const [where, at] of [
    ['inside of a packed record', 4],
    ['at the end of a record', 6],
    ['behind the first entry', 1],
    ['at the tail', 12],
  ] as const) {
    test(`a log that was cut ${where} begins behind the cut, also after a reopen, and goes on`, async () => {
      await log().persist([job({ term: 1, entries: entries(1, 6, 1) })]);
      await log().persist([job({ term: 1, commit: 12, entries: entries(7, 12, 1) })]);
      await checkpoint(12);
      await log().persist([begin(at)]);
      for (let life = 0; life < 3; life++) {
        await assert.rejects(log().read(index(at), index(12), 1), refusedAs('misuse'));
        if (at < 12) assert.deepEqual(await from(at + 1), entries(at + 1, 12, 1));
        assert.equal(log().tail, 12);
        await bench().reopen();
        assert.deepEqual(log().recovered.base, position(at, 1));
        assert.deepEqual(log().recovered.terms, at < 12 ? [{ term: 1, first: at + 1 }] : []);
        assert.equal(log().recovered.tail, 12);
      }
      const base = position(at, 1);
      await log().persist([job({ term: 2, commit: 12, entries: entries(13, 14, 2), base })]);
      await log().persist([job({ term: 3, commit: 13, entries: [entry(14, 3)], base })]);
      await bench().reopen();
      assert.deepEqual(await from(at + 1), [...entries(at + 1, 12, 1), entry(13, 2), entry(14, 3)]);
    });
  }

  test('what is replaced right behind the base is gone for good, though its record began in front of it', async () => {
    await log().persist([job({ term: 1, commit: 4, entries: entries(1, 9, 1) })]);
    await checkpoint(4);
    const base = position(4, 1);
    await log().persist([job({ term: 1, commit: 4, tail: 9, base })]);
    await log().persist([job({ term: 2, commit: 4, entries: [entry(5, 2)], base })]);
    await bench().reopen();
    assert.deepEqual(await from(5), [entry(5, 2)]);
    await log().persist([job({ term: 2, commit: 4, entries: entries(6, 7, 2), base })]);
    await bench().reopen();
    assert.deepEqual(await from(5), entries(5, 7, 2));
  });

  test('a long log is cut again and again, and every life finds what lies behind the cut', async () => {
    const count = 3 * sweptRecordsPerBatch;
    for (let at = 1; at <= count; at++) {
      await log().persist([job({ term: 1, commit: at, entries: [entry(at, 1)] })]);
    }
    await checkpoint(count);
    for (const at of [1, sweptRecordsPerBatch * 2, sweptRecordsPerBatch * 2 + 1, count - 1]) {
      await log().persist([begin(at)]);
      assert.deepEqual(await from(at + 1), entries(at + 1, count, 1));
      await bench().reopen();
      assert.deepEqual(await from(at + 1), entries(at + 1, count, 1));
    }
  });

  test('the log is never cut beyond the last durable checkpoint, nor where nothing is committed or durable', async () => {
    await log().persist([job({ term: 1, commit: 6, entries: entries(1, 8, 1) })]);
    await assert.rejects(log().persist([begin(1)]), refusedAs('misuse'));
    await checkpoint(5);
    await assert.rejects(log().persist([begin(6)]), refusedAs('misuse'));
    const wrong = {
      'a term that the entry has not': job({ term: 1, commit: 6, tail: 8, base: position(5, 0) }),
      'more than is committed': job({ term: 1, commit: 4, tail: 8, base: position(5, 1) }),
      'more than the log': job({ term: 1, commit: 9, tail: 8, base: position(9, 1) }),
    };
    for (const [what, bad] of Object.entries(wrong))
      await assert.rejects(log().persist([bad]), refusedAs('misuse'), what);
    await log().persist([begin(5)]);
    const back = job({ term: 1, commit: 6, tail: 8, base: position(4, 1) });
    await assert.rejects(log().persist([back]), refusedAs('misuse'));
    await bench().reopen();
    assert.deepEqual(await from(6), entries(6, 8, 1));
  });

  test('neighbouring jobs may append, cut in front and replace behind, in one batch', async () => {
    await log().persist([job({ term: 1, commit: 5, entries: entries(1, 8, 1) })]);
    await checkpoint(5);
    const base = position(5, 1);
    await log().persist([
      job({ term: 1, commit: 5, entries: entries(9, 10, 1) }),
      job({ term: 1, commit: 5, tail: 10, base }),
      job({ term: 2, commit: 6, entries: entries(7, 8, 2), base }),
    ]);
    const expected = [entry(6, 1), ...entries(7, 8, 2)];
    assert.deepEqual(await from(6), expected);
    await bench().reopen();
    assert.deepEqual(await from(6), expected);
    assert.deepEqual(log().recovered.terms, [
      { term: 1, first: 6 },
      { term: 2, first: 7 },
    ]);
  });

  test('a read that a cut overtakes finds entries or nothing, never damage', async () => {
    for (let at = 1; at <= 60; at++) await log().persist([job({ term: 1, commit: at, entries: [entry(at, 1)] })]);
    await checkpoint(60);
    for (let at = 2; at < 60; at += 3) {
      const first = at - 1;
      const reads = [log().read(index(first), index(60), 1e6)];
      const write = log().persist([begin(at)]);
      reads.push(log().read(index(first), index(60), 1e6), log().read(index(at + 1), index(60), 1e6));
      const [before, beside, behind] = await Promise.all(reads);
      for (const found of [before, beside]) {
        if (found!.length > 0) assert.deepEqual(plain(found!), entries(first, 60, 1));
      }
      assert.deepEqual(plain(behind!), entries(at + 1, 60, 1));
      await write;
    }
  });

  test('the configuration that core is told is the one of the checkpoint from which the log is replayed', async () => {
    const later = {
      voters: [member(2), member(3)],
      votersOutgoing: [member(1)],
      learners: [member(9)],
      learnersNext: [member(1)],
      leaseReads: true,
    };
    await log().persist([job({ term: 1, commit: 5, entries: entries(1, 8, 1) })]);
    await bench().storage.state.checkpoint({
      position: position(5, 1),
      configuration: later,
      digest: bytes(''),
      changes: [],
    });
    await log().persist([begin(3)]);
    await bench().reopen();
    assert.deepEqual(log().recovered.configuration, later);
  });
}
