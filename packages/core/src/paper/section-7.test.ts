// Raft §7: snapshots. Most of its rules stand in snapshot.test.ts: see README.md in this folder.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationOf } from '../configuration.ts';
import { append, Cluster, Member } from '../member.test-driver.ts';
import type { Index, MemberId, SnapshotMeta, Term } from '../types.ts';

const t = (term: number): Term => term as Term;
const i = (index: number): Index => index as Index;

const snapshot: SnapshotMeta = {
  id: 's',
  position: { index: i(8), term: t(2) },
  configuration: configurationOf([1, 2, 3] as MemberId[]),
};

test('every member compacts its own log, whoever leads (§7)', () => {
  const cluster = new Cluster([{}, {}, {}].map(() => ({ options: { keptLogEntries: 1 } })));
  cluster.elect(1).propose(1, 2, 3, 4);
  cluster.settle();
  cluster.member(2).checkpoint(4);
  cluster.member(1).propose(5);
  cluster.settle();
  assert.deepEqual(
    cluster.members.map(({ disk }) => disk.base.index),
    [0, 4, 0],
  );
});

test('only what is committed is in a snapshot (§7)', () => {
  const member = new Member();
  member.lead();
  member.propose(1);
  member.persist();
  assert.equal(member.commitIndex, 0);
  assert.throws(() => member.node.configurationAt(i(2)), /not settled/);
});

test('index and term of the last entry that went are kept: the next append is checked against them (§7)', () => {
  const member = new Member({ term: 2 });
  member.step({ type: 'snapshotReceived', snapshot, term: t(2) });
  member.persist();
  member.hear('append', append(2, 2, [8, 2], [2]));
  member.persist();
  assert.deepEqual(
    member.said('appendAccepted').map(({ match }) => match),
    [9],
  );
  member.hear('append', append(2, 2, [11, 2], [2]));
  member.persist();
  assert.equal(member.said('appendRejected').length, 1);
  assert.equal(member.lastIndex, 9);
});

test('once a checkpoint is durable the log behind it may go, and goes with the next write (§7; ours: a tail stays)', () => {
  const member = new Member({ voters: [1], options: { keptLogEntries: 2 } });
  member.lead([]);
  member.propose(1, 2, 3, 4, 5);
  member.persist();
  assert.equal(member.commitIndex, 6);
  member.checkpoint(6);
  assert.equal(member.writes.length, 0);
  member.propose(6);
  member.persist();
  assert.deepEqual([member.disk.base.index, member.disk.entries.length], [4, 3]);
});

test('a snapshot with news replaces the whole log, also entries behind it (§7)', () => {
  const member = new Member({ log: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], term: 2 });
  member.step({ type: 'snapshotReceived', snapshot, term: t(2) });
  member.persist();
  assert.deepEqual([member.lastIndex, member.disk.entries.length], [8, 0]);
  assert.deepEqual(member.restored, [snapshot]);
});

test('of a snapshot that describes a beginning of the log nothing is lost: what follows stays (§7; ours: the log stays whole, and the snapshot goes)', () => {
  const member = new Member({ log: [1, 1, 1, 1, 1, 1, 2, 2, 2, 2], term: 2 });
  member.step({ type: 'snapshotReceived', snapshot, term: t(2) });
  assert.deepEqual([member.lastIndex, member.commitIndex], [10, 8]);
  assert.deepEqual([member.discarded, member.restored], [['s'], []]);
});
