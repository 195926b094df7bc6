import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Member } from '../testing/member.ts';
import {
  acquire,
  election,
  everything,
  expire,
  lock,
  put,
  range,
  session,
  sessionOpen,
} from '../testing/operations.ts';
import { text } from '../testing/plain.ts';

test('a restored state is a new incarnation: no session, no hold, later fences, no history to resume', () => {
  const member = new Member();
  member.do(sessionOpen(1));
  member.do(sessionOpen(2));
  member.do(put('kept', '1'));
  member.do(put('gone', '1', { lease: 1 }));
  for (const id of [1, 2]) {
    member.do(acquire(lock('a'), { lockDelayMs: 900 }), session(id, 1));
    member.do(acquire(election('e')), session(id, 2));
  }
  member.do(put('keyed', '1'), { identity: { by: 'key', key: Uint8Array.of(1) } });
  member.do(sessionOpen(3));
  member.do(acquire(lock('delayed'), { lockDelayMs: 900 }), session(3, 1));
  member.do(expire(3, 1));
  const before = member.machine.revision;
  member.machine.reincarnate(5, 2);
  member.checkpoint();
  while (!member.machine.sweep(10).done);
  member.checkpoint();
  member.restart();
  const { machine } = member;
  assert.equal(machine.incarnation, 2);
  assert.ok(machine.revision >= before + 2 ** 40);
  assert.deepEqual(machine.deadlines(), { leases: [], delays: [] });
  assert.throws(() => machine.history(before, 1e6), { code: 'COMPACTED' });
  const found = machine.query(range(everything));
  assert.ok(found.type === 'range');
  assert.deepEqual(
    found.entries.map(({ key }) => text(key)),
    ['kept', 'keyed'],
  );
  assert.equal(member.store.records.size, 3, 'the counters and the two keys');
  const opened = member.do(sessionOpen(1)).response;
  // Nor those that the old cluster gave out behind the backup.
  assert.ok(opened?.type === 'sessionOpen' && opened.session > 2 ** 40, 'ids are not given again');
  const granted = member.do(acquire(lock('a')), session(opened.session, 1)).response;
  assert.ok(granted?.type === 'lockAcquire' && granted.state === 'held' && granted.fence > before + 2 ** 40);
});
