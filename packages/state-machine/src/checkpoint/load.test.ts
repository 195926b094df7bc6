import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandVersion } from '@conclave/protocol';
import { command, Member } from '../../testing/member.ts';
import {
  acquire,
  compact,
  election,
  everything,
  expire,
  lock,
  one,
  put,
  range,
  release,
  remove,
  session,
  sessionOpen,
} from '../../testing/operations.ts';
import { bytes, hex } from '../../testing/plain.ts';
import { DamagedStateError, UnknownCommandError } from '../damage.ts';
import { StateMachine } from '../state-machine.ts';
import { StateLoader } from './load.ts';

test('every flipped bit, every missing record and every record of another place is found while loading', () => {
  const member = lived();
  const records = member.store.sorted();
  const loads = (changed: typeof records): void => {
    const { applied, digest } = member.saved!;
    const loader = new StateLoader({ values: member.store, applied, digest });
    loader.add(changed);
    loader.finish();
  };
  loads(records);
  for (const [at, record] of records.entries()) {
    for (let bit = 0; bit < record.value.length * 8; bit += 5) {
      const value = record.value.slice();
      value[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => loads(records.with(at, { key: record.key, value })), DamagedStateError);
    }
    assert.throws(() => loads(records.toSpliced(at, 1)), DamagedStateError, `without ${hex(record.key)}`);
    const cut = { key: record.key, value: record.value.subarray(0, -1) };
    assert.throws(() => loads(records.with(at, cut)), DamagedStateError);
    const other = records[(at + 1) % records.length]!;
    assert.throws(() => loads(records.with(at, { key: record.key, value: other.value })), DamagedStateError);
  }
});

test('old history that is missing is found, although the digest is of the present', () => {
  const member = new Member();
  for (const value of ['1', '2', '3', '4', '5']) member.do(put('a', value));
  member.do(compact(2));
  member.checkpoint();
  const { applied, digest } = member.saved!;
  const records = member.store.sorted();
  for (const [at, { key }] of records.entries()) {
    const revision = key[8];
    const loader = new StateLoader({ values: member.store, applied, digest });
    const load = (): unknown => {
      loader.add(records.toSpliced(at, 1));
      return loader.finish();
    };
    // Revision 1 was compacted: whether its record was swept or not must not matter.
    if (key[0] === 0x03 && revision === 1) assert.ok(load());
    else assert.throws(load, DamagedStateError);
  }
});

test('a stored value that is damaged or missing is never served', () => {
  const member = lived();
  const [key, record] = [...member.store.records].find(([, { value }]) => hex(value).includes(hex(bytes('kept'))))!;
  const value = record.value.slice();
  value[value.length - 10]! ^= 1;
  member.store.records.set(key, { key: record.key, value });
  assert.throws(() => member.machine.query(range(one('k'))), DamagedStateError);
  member.store.records.delete(key);
  assert.throws(() => member.machine.query(range(one('k'))), DamagedStateError);
  // Inside apply the member stops, and stays stopped: another entry would be applied to half a state.
  assert.throws(() => member.do(put('k', 'x', { returnPrevious: true })), DamagedStateError);
  assert.throws(() => member.do(put('z', 'x')), /must stop/);
  assert.throws(() => member.machine.takeCheckpoint(), /must stop/);
  assert.throws(() => member.machine.query(range(everything)), /must stop/);
});

test('records out of order are refused', () => {
  const member = lived();
  const { applied, digest } = member.saved!;
  const loader = new StateLoader({ values: member.store, applied, digest });
  assert.throws(() => loader.add(member.store.sorted().toReversed()), DamagedStateError);
});

test('an entry of a later version stops the member', () => {
  const machine = new StateMachine({ values: { read: () => undefined } });
  const known = command(put('a', '1'));
  const later = known.slice();
  assert.equal(later[1], commandVersion, 'the version stands first in the header');
  later[1] = commandVersion + 1;
  assert.throws(() => machine.apply(1, 1, later), UnknownCommandError);
  assert.throws(() => machine.apply(1, 1, known), /must stop/);
});

test('entries are applied in order and once', () => {
  const member = new Member();
  member.do(put('a', '1'));
  assert.throws(() => member.machine.apply(1, 1, null), /entry 1 after 1/);
  assert.throws(() => member.machine.apply(3, 1, null), /entry 3 after 1/);
  assert.throws(() => member.machine.apply(2, 0, null), /term 0 after 1/);
  assert.equal(member.machine.apply(2, 1, null).response, null);
});

test('a checkpoint encodes each changed record once, and nothing of what came and went', () => {
  const member = new Member();
  member.do(sessionOpen());
  member.checkpoint();
  let fence = 0;
  for (let i = 0; i < 1_000; i++) {
    const acquired = member.do(acquire(lock('a')), session(1, i * 2 + 1, Math.max(1, i * 2)));
    assert.ok(acquired.response?.type === 'lockAcquire' && acquired.response.state === 'held');
    fence = acquired.response.fence;
    member.do(release(i * 2 + 1, fence), session(1, i * 2 + 2, i * 2 + 1));
  }
  assert.equal(fence, 1_000);
  const { changes } = member.checkpoint();
  // The session, who held the lock before, its two last answers and the counters.
  const found = changes.map(({ key }) => key[0]!).toSorted((a, b) => a - b);
  assert.deepEqual(found, [0x01, 0x02, 0x05, 0x06, 0x06]);
});

test('values stay in memory until a durable checkpoint holds them', () => {
  const member = new Member();
  member.do(put('a', '1'));
  const taken = member.machine.takeCheckpoint();
  member.do(put('b', '2'));
  member.machine.query(range(everything));
  assert.equal(member.store.reads, 0);
  member.store.write(taken.changes);
  member.machine.checkpointDurable(taken.token);
  assert.equal(member.machine.pinnedRevisions, 1);
  member.machine.query(range(everything));
  assert.equal(member.store.reads, 1);
});

/** A state with a record in each table. */
function lived(): Member {
  const member = new Member();
  member.do(sessionOpen(1));
  member.do(sessionOpen(2));
  member.do(put('k', 'kept', { lease: 2 }), session(2, 1));
  member.do(put('k2', '1'), { identity: { by: 'key', key: bytes('key') }, author: 'ann', reason: 'why' });
  member.do(remove(one('k2')));
  member.do(acquire(election('e'), { lockDelayMs: 50 }), session(1, 1));
  member.do(acquire(election('e')), session(2, 2));
  member.do(acquire(lock('l')), session(2, 3));
  member.do(acquire(lock('l')), session(2, 4));
  member.do(Uint8Array.of(0xc1), session(2, 5));
  member.do(expire(1, 1));
  member.checkpoint();
  return member;
}
