import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits, type RangeResult } from '@conclave/protocol';
import { command, Member } from '../../testing/member.ts';
import { between, compact, everything, one, put, range, remove, txn } from '../../testing/operations.ts';
import { bytes, plain, plainEvents, text } from '../../testing/plain.ts';

const kib = 1_024;

test('a range delete over the limit of changes is refused whole', () => {
  const member = new Member();
  for (let i = 0; i <= limits.maxChangesPerEntry; i++) member.do(put(`k${i}`, 'v'));
  const before = member.machine.revision;
  const { response, events } = member.do(remove(everything));
  assert.equal(codeOf(response), 'TOO_LARGE');
  assert.equal(events, null);
  assert.equal(member.machine.revision, before);
  assert.equal(read(member, { countOnly: true }).count, limits.maxChangesPerEntry + 1);
  assert.deepEqual(plain(member.do(remove(between('k', 'k9'))).response), {
    type: 'delete',
    revision: before + 1,
    deleted: 8_890,
    previous: [],
  });
});

test('a delete whose events would be over the limit of bytes is refused whole', () => {
  const member = new Member();
  const large = 'x'.repeat(1_000 * kib);
  for (let i = 0; i < 17; i++) member.do(put(`k${i}`, large));
  assert.equal(codeOf(member.do(remove(everything)).response), 'TOO_LARGE');
  assert.equal(read(member, { countOnly: true }).count, 17);
});

test('a delete that would answer with more than an answer holds is refused, and without the answer it is not', () => {
  const member = new Member();
  const large = 'x'.repeat(600 * kib);
  for (const key of ['a', 'b']) member.do(put(key, large));
  assert.equal(codeOf(member.do(remove(everything, true)).response), 'TOO_LARGE');
  assert.equal(typeOf(member.do(remove(everything)).response), 'delete');
});

test('a transaction of which one step is over a limit changes nothing', () => {
  const member = new Member();
  const lease = member.do({ type: 'leaseGrant', ttlMs: 5_000 }).response;
  assert.ok(lease?.type === 'leaseGrant');
  const steps = [put('a', '1'), put('b', '2', { lease: lease.lease + 1 })];
  assert.equal(codeOf(member.do(txn(steps)).response), 'NOT_FOUND');
  assert.equal(member.machine.revision, 0);
  assert.equal(read(member).count, 0);
});

test('keys that begin with 0x00 cannot be written, and are listed only by naming them', () => {
  const member = new Member();
  // The codec of the client refuses to write it: these are the bytes of a put of 0x00 0x01.
  const put00 = Uint8Array.of(0x95, 0x01, 0xc4, 0x02, 0x00, 0x01, 0xc4, 0x00, 0xc0, 0xc2);
  const { response } = member.do(put00);
  assert.equal(codeOf(response), 'INVALID_ARGUMENT');
  assert.match(response?.type === 'error' ? response.message : '', /reserved/);
  assert.equal(member.machine.revision, 0);
});

test('a range answers as many bytes as fit, at least one entry, and says whether there is more', () => {
  const member = new Member();
  for (const key of ['a', 'b', 'c']) member.do(put(key, 'x'.repeat(700 * kib)));
  const first = read(member);
  assert.deepEqual([first.entries.length, first.more, first.count], [1, true, 3]);
  const keysOnly = read(member, { keysOnly: true });
  assert.deepEqual([keysOnly.entries.length, keysOnly.more], [3, false]);
  const backwards = read(member, { order: 'descending', limit: 2 });
  assert.deepEqual([text(backwards.entries[0]!.key), backwards.entries.length, backwards.more], ['c', 1, true]);
});

test('keys are ordered as bytes', () => {
  const member = new Member();
  for (const key of ['\u00ff', 'b', '\u0080', 'ab', 'a', '\u0001']) member.do(put(key, ''));
  assert.deepEqual(
    read(member).entries.map(({ key }) => text(key)),
    ['\u0001', 'a', 'ab', 'b', '\u0080', '\u00ff'],
  );
});

test('a read in a transaction sees what the transaction wrote before, and the answer names its revision', () => {
  const member = new Member();
  member.do(put('a', '1'));
  const { response } = member.do(txn([range(everything), put('b', '2'), remove(one('a')), range(everything)]));
  assert.ok(response?.type === 'txn');
  const [before, , , after] = response.results;
  assert.ok(before?.type === 'range' && after?.type === 'range');
  assert.deepEqual([before.revision, before.entries.map(({ key }) => text(key))], [1, ['a']]);
  assert.deepEqual([after.revision, after.entries.map(({ key }) => text(key))], [2, ['b']]);
});

test('a read-only transaction and a delete of nothing do not advance the revision', () => {
  const member = new Member();
  member.do(put('a', '1'));
  for (const operation of [txn([range(everything)]), remove(one('b')), txn([remove(one('b'))])]) {
    const { revision, events } = member.do(operation);
    assert.deepEqual([revision, events], [1, null]);
  }
});

test('a delete at the compacted revision is still delivered to a watch from there (etcd#18089, #19179)', () => {
  const member = new Member();
  member.do(put('a', '1'));
  member.do(remove(one('a')));
  const live = [member.do(put('b', '1')).events!];
  member.do(compact(2));
  member.checkpoint();
  while (!member.machine.sweep(100).done);
  member.checkpoint();
  member.restart();
  const { revisions } = member.machine.history(2, 1e6);
  assert.deepEqual(
    revisions.map(({ revision, events }) => [revision, events.map(({ type }) => type)]),
    [
      [2, ['delete']],
      [3, ['put']],
    ],
  );
  assert.deepEqual(plainEvents(revisions.slice(1)), plainEvents(live));
  assert.throws(() => member.machine.history(1, 1e6), { code: 'COMPACTED' });
});

test('a compacted revision cannot be read inside a transaction: a read there is of now (etcd#18667)', () => {
  const member = new Member();
  member.do(put('a', '1'));
  // Neither does the codec write a read at revision 1 into a transaction, nor does apply take one.
  assert.throws(() => command(txn([range(one('a'), { revision: 1 })])), { code: 'INVALID_ARGUMENT' });
  const bytesOfRange = Uint8Array.of(
    0x94,
    0x03,
    0x90,
    0x91,
    0x98,
    0x20,
    0x92,
    0xc4,
    0x01,
    0x61,
    0xc0,
    0x01,
    0x00,
    0x00,
    0xc2,
    0xc2,
    0xc0,
    0x90,
  );
  const { response } = member.do(bytesOfRange);
  assert.equal(codeOf(response), 'INVALID_ARGUMENT');
  assert.match(response?.type === 'error' ? response.message : '', /transaction/);
});

test('a revision is readable at the compacted one, and not below', () => {
  const member = new Member();
  for (const value of ['1', '2', '3', '4']) member.do(put('a', value));
  member.do(compact(3));
  assert.equal(text(read(member, { revision: 3 }).entries[0]!.value!), '3');
  const old = member.machine.query(range(everything, { revision: 2 }));
  assert.ok(old.type === 'error');
  assert.deepEqual([old.code, old.details['revision']], ['COMPACTED', 3]);
  assert.equal(codeOf(member.machine.query(range(everything, { revision: 5 }))), 'FUTURE_REVISION');
});

test('sweeping removes what was compacted, a bounded number of records at a time', () => {
  const member = new Member();
  for (let i = 0; i < 50; i++) member.do(put('a', `${i}`));
  member.do(remove(one('a')));
  member.do(put('b', ''));
  member.checkpoint();
  member.do(compact(52));
  let removed = 0;
  for (let sweep = member.machine.sweep(8); ; sweep = member.machine.sweep(8)) {
    assert.ok(sweep.removed <= 8);
    removed += sweep.removed;
    if (sweep.done) break;
  }
  assert.equal(removed, 51);
  member.checkpoint();
  assert.equal(member.store.records.size, 2, 'the counters and the one key');
});

test('what changed at a revision carries who did it and why', () => {
  const member = new Member();
  const author = { author: 'ann', reason: 'rollout 7 \u{1f680}', wallTimeMs: 1_790_000_000_000 };
  member.do(put('a', '1'), author);
  member.checkpoint();
  member.restart();
  const { revision: _, events: __, ...found } = member.machine.history(1, 1e6).revisions[0]!;
  assert.deepEqual(found, author);
});

test('modifiedSince leaves out values that the caller has', () => {
  const member = new Member();
  member.do(put('a', '1'));
  member.do(put('b', '2'));
  const { entries } = read(member, { modifiedSince: 1 });
  assert.deepEqual(plain(entries.map(({ value }) => value)), [null, plain(bytes('2'))]);
});

function read(member: Member, more: Parameters<typeof range>[1] = {}): RangeResult {
  const result = member.machine.query(range(everything, more));
  assert.ok(result.type === 'range');
  return result;
}

function codeOf(response: { readonly type: string } | null): string | null {
  return response !== null && 'code' in response ? String(response.code) : null;
}

function typeOf(response: { readonly type: string } | null): string | null {
  return response === null ? null : response.type;
}
