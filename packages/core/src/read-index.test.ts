import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, Cluster, electionMs, heartbeatMs, Member, type Setup } from './member.test-driver.ts';
import type { Index, MemberId, Term } from './types.ts';

const i = (index: number): Index => index as Index;
const m = (member: number): MemberId => member as MemberId;

/** A leader of three that has committed an entry of its term. */
function leaderOf(setup: Setup = {}): Member {
  const member = new Member(setup);
  member.lead();
  member.hear('appendAccepted', { from: m(2), term: member.term as Term, match: i(member.lastIndex), audience: true });
  member.outbox = [];
  return member;
}

/** The heartbeats that open a term are numbered, too: `round` counts those behind them. */
const opening = 1;

function confirm(member: Member, from: number, round: number): void {
  const readSequence = opening + round;
  member.hear('heartbeatResponse', { from: m(from), term: member.term as Term, readSequence });
}

function rounds(member: Member): number[] {
  return [...new Set(member.said('heartbeat').map(({ readSequence }) => readSequence - opening))];
}

/** A follower of member 2, in term 1. */
function followerOf(setup: Setup = {}): Member {
  const member = new Member(setup);
  member.hear('append', append(2, 1, [0, 0], [1]));
  member.persist();
  member.outbox = [];
  return member;
}

test('a leader answers a read only after a majority confirmed, by a heartbeat sent after the read came, that it still leads (Raft §8, thesis §6.4)', () => {
  const member = leaderOf();
  member.read(7);
  assert.deepEqual(member.reads, []);
  assert.deepEqual(rounds(member), [1]);
  confirm(member, 3, 0);
  assert.deepEqual(member.reads, [], 'an answer to an earlier heartbeat');
  confirm(member, 3, 1);
  assert.deepEqual(member.reads, [{ id: 7, index: 1 }]);
});

test('the index is the commit index of when the round began (thesis §6.4)', () => {
  const member = leaderOf();
  member.read(1);
  member.propose(9);
  member.persist();
  member.hear('appendAccepted', { from: m(2), term: 1 as Term, match: i(2), audience: true });
  member.read(2);
  confirm(member, 2, 1);
  confirm(member, 2, 2);
  assert.deepEqual(member.reads, [
    { id: 1, index: 1 },
    { id: 2, index: 2 },
  ]);
});

test('reads wait until the leader has committed an entry of its own term (Raft §8; etcd #7331, tikv #6340)', () => {
  const member = new Member({ log: [1, 1], commit: 1 });
  member.lead();
  member.read(1);
  for (const from of [2, 3]) confirm(member, from, 5);
  assert.deepEqual(member.reads, []);
  member.hear('appendAccepted', { from: m(2), term: 2 as Term, match: i(3), audience: true });
  confirm(member, 2, 1);
  assert.deepEqual(member.reads, [{ id: 1, index: 3 }]);
});

test('a single member answers no read either before it has committed an entry of its term', () => {
  const member = new Member({ voters: [1], log: [1, 1] });
  member.campaign();
  member.persist();
  assert.equal(member.role, 'leader');
  member.read(1);
  assert.deepEqual(member.reads, []);
  member.persist();
  assert.deepEqual(member.reads, [{ id: 1, index: 3 }]);
});

test('one round confirms all reads that wait for it, and an answer to a later round all earlier ones', () => {
  const member = leaderOf();
  member.stepAll([1, 2, 3].map((id) => ({ type: 'readIndex', id })));
  member.read(4);
  assert.deepEqual(rounds(member), [1, 2]);
  confirm(member, 2, 2);
  assert.deepEqual(
    member.reads.map(({ id }) => id),
    [1, 2, 3, 4],
  );
});

test('rounds are numbered by the leader: an id that a client uses again confirms nothing (etcd #20418)', () => {
  const member = leaderOf();
  member.read(7);
  confirm(member, 2, 1);
  member.read(7);
  confirm(member, 3, 1);
  assert.equal(member.reads.length, 1);
  confirm(member, 3, 2);
  assert.equal(member.reads.length, 2);
});

test('answers of an earlier term confirm nothing, also when the same member leads again', () => {
  const member = leaderOf();
  member.read(1);
  member.hear('append', append(2, 2, [0, 0]));
  member.now += 3 * electionMs;
  member.persist();
  member.lead([3]);
  assert.equal(member.term, 3);
  member.hear('appendAccepted', { from: m(3), term: 3 as Term, match: i(member.lastIndex), audience: true });
  member.read(2);
  for (const from of [2, 3]) member.hear('heartbeatResponse', { from: m(from), term: 1 as Term, readSequence: 99 });
  assert.deepEqual(member.reads, []);
});

test('a leader that was replaced unawares answers no read (Raft §8)', () => {
  const cluster = new Cluster([{}, {}, {}]);
  const old = cluster.elect(1);
  cluster.isolate(1);
  cluster.run(electionMs - heartbeatMs);
  old.read(1);
  cluster.run(4 * electionMs);
  assert.deepEqual(old.reads, []);
  assert.deepEqual(
    old.failed.map(({ id, reason }) => [id, reason]),
    [[1, 'leadership-lost']],
  );
});

test('a follower asks the leader for an index, for all reads that came meanwhile at once (thesis §6.4)', () => {
  const member = followerOf();
  member.stepAll([1, 2].map((id) => ({ type: 'readIndex', id })));
  const [asked, ...others] = member.said('readIndexRequest');
  assert.deepEqual([asked?.to, others.length], [2, 0]);
  member.hear('readIndexResponse', { from: m(2), term: 1 as Term, request: asked?.request ?? 0, index: i(1) });
  assert.deepEqual(member.reads, [
    { id: 1, index: 1 },
    { id: 2, index: 1 },
  ]);
});

test('reads that come after a request has left wait for an answer of their own', () => {
  const member = followerOf();
  member.read(1);
  const [first] = member.said('readIndexRequest');
  member.read(2);
  member.hear('readIndexResponse', { from: m(2), term: 1 as Term, request: first?.request ?? 0, index: i(1) });
  assert.deepEqual(
    member.reads.map(({ id }) => id),
    [1],
  );
});

test('a request that was not answered is sent again, and two answers are one', () => {
  const member = followerOf();
  member.read(1);
  const [first] = member.said('readIndexRequest');
  member.advance(heartbeatMs);
  const [second] = member.said('readIndexRequest');
  assert.equal(second?.request, first?.request);
  for (const index of [1, 2])
    member.hear('readIndexResponse', { from: m(2), term: 1 as Term, request: first?.request ?? 0, index: i(index) });
  assert.deepEqual(member.reads, [{ id: 1, index: 1 }]);
});

test('an answer to a request of an earlier life is no answer to one of this life', () => {
  let draw = 0.25;
  const member = followerOf({ random: () => (draw += 0.01) });
  member.read(1);
  const [before] = member.said('readIndexRequest');
  member.restart();
  member.hear('append', append(2, 1, [1, 1]));
  member.read(2);
  assert.equal(member.said('readIndexRequest').length, 1);
  member.hear('readIndexResponse', { from: m(2), term: 1 as Term, request: before?.request ?? 0, index: i(1) });
  assert.deepEqual(member.reads, []);
});

test('a leader asked twice before it has answered answers once, and the next round answers what comes later', () => {
  const member = new Member();
  member.lead();
  for (const request of [5, 5, 6]) member.hear('readIndexRequest', { from: m(3), term: 1 as Term, request });
  member.hear('appendAccepted', { from: m(2), term: 1 as Term, match: i(1), audience: true });
  confirm(member, 2, 1);
  assert.deepEqual(
    member.said('readIndexResponse').map(({ to, request, index }) => [to, request, index]),
    [
      [3, 5, 1],
      [3, 6, 1],
    ],
  );
});

test('a member that knows no leader refuses reads at once', () => {
  const member = new Member();
  member.read(1);
  assert.deepEqual(member.failed, [{ what: 'read', id: 1, reason: 'not-leader', detail: null, leaderHint: null }]);
});

test('reads of a follower fail when its leader is given up or replaced, each exactly once (openraft #1761)', () => {
  const member = followerOf({ options: { maxReadRounds: 1 } });
  member.read(1);
  member.read(2);
  member.hear('append', append(3, 2, [1, 1]));
  member.persist();
  member.read(3);
  member.advance(electionMs);
  assert.deepEqual(
    member.failed.map(({ id, reason, leaderHint }) => [id, reason, leaderHint]),
    [
      [1, 'leadership-lost', null],
      [2, 'leadership-lost', null],
      [3, 'leadership-lost', null],
    ],
  );
  assert.deepEqual(member.reads, []);
});

test('reads that wait are bounded, those of other members apart from the own ones', () => {
  const member = leaderOf({ options: { maxWaitingReads: 3, maxReadRounds: 1 } });
  for (let request = 1; request <= 50; request++)
    member.hear('readIndexRequest', { from: m(3), term: 1 as Term, request });
  for (const id of [1, 2, 3, 4]) member.read(id);
  assert.deepEqual(
    member.failed.map(({ id, reason }) => [id, reason]),
    [[4, 'overloaded']],
  );
  assert.ok(member.node.state.reads.requests.length <= 2);
});

test('not more than maxReadRounds rounds are under way; what comes meanwhile shares the next', () => {
  const member = leaderOf({ options: { maxReadRounds: 2 } });
  for (const id of [1, 2, 3, 4]) member.read(id);
  assert.deepEqual(rounds(member), [1, 2]);
  confirm(member, 2, 1);
  assert.deepEqual(rounds(member), [3]);
  confirm(member, 2, 3);
  assert.equal(member.reads.length, 4);
});
