// Raft §5.3: log replication. Most of its rules stand in replication.test.ts and follower.test.ts: see README.md in this folder.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, electionMs, heartbeatMs, Member, termsOf } from '../member.test-driver.ts';
import type { Index, MemberId, Term } from '../types.ts';

const t = (term: number): Term => term as Term;
const i = (index: number): Index => index as Index;
const m = (member: number): MemberId => member as MemberId;

function accept(member: Member, from: number, match: number): void {
  member.hear('appendAccepted', { from: m(from), term: t(member.term), match: i(match), audience: true });
}

/** Leads, and its first entry is known to be everywhere. */
function leaderOfThree(): Member {
  const member = new Member();
  member.lead();
  for (const from of [2, 3]) accept(member, from, 1);
  member.outbox = [];
  return member;
}

test('an append goes to all the others in parallel (§5.3)', () => {
  const member = leaderOfThree();
  member.propose(1);
  assert.deepEqual(
    member.said('append').map(({ to, entries }) => [to, termsOf({ entries })]),
    [
      [2, [1]],
      [3, [1]],
    ],
  );
});

test('one round trip to a majority commits an entry; a slow member delays nobody (§5.3)', () => {
  const member = leaderOfThree();
  for (let id = 1; id <= 50; id++) {
    member.propose(id);
    member.persist();
    accept(member, 2, member.lastIndex);
    assert.equal(member.commitIndex, member.lastIndex);
  }
});

test('whoever was away gets all it missed when it is back, however long that was (§5.3)', () => {
  const cluster = new Cluster([{}, {}, {}]);
  const leader = cluster.elect(1);
  cluster.isolate(3);
  for (let id = 1; id <= 20; id++) {
    leader.propose(id);
    cluster.run(electionMs);
  }
  assert.equal(leader.commitIndex, 21);
  assert.equal(cluster.member(3).lastIndex, 1);
  cluster.heal();
  cluster.run(3 * electionMs);
  assert.deepEqual(cluster.member(3).log, leader.log);
  assert.equal(cluster.member(3).committed.length, leader.committed.length);
});

test('an entry keeps the term in which it was made, whoever replicates it later (§5.3, §5.4.2)', () => {
  const cluster = new Cluster([{ log: [1, 1], term: 1 }, { log: [1], term: 1 }, {}]);
  cluster.elect(1);
  cluster.run(heartbeatMs);
  for (const member of cluster.members) assert.deepEqual(member.log, [1, 1, 2]);
});

test('appends and heartbeats name how far the leader has committed; heartbeats no further than the follower is known to hold (§5.3; ours)', () => {
  const member = leaderOfThree();
  member.propose(1);
  member.persist();
  accept(member, 2, 2);
  member.outbox = [];
  member.propose(2);
  assert.deepEqual(
    member.said('append').map(({ to, commit }) => [to, commit]),
    [
      [2, 2],
      [3, 2],
    ],
  );
  member.advance(heartbeatMs);
  assert.deepEqual(
    member.said('heartbeat').map(({ to, commit }) => [to, commit]),
    [
      [2, 2],
      [3, 1],
    ],
  );
});

test('committed entries are applied in the order of the log, each once, everywhere the same (§5.3)', () => {
  const cluster = new Cluster([{}, {}, {}]);
  for (const [at, id] of [1, 2, 3].entries()) {
    if (at === 0) cluster.elect(id);
    else cluster.member(at).transfer(at, id);
    cluster.settle();
    cluster.member(id).propose(10 + at, 20 + at);
    cluster.settle();
  }
  const expected = Array.from({ length: 9 }, (_, at) => at + 1);
  for (const member of cluster.members) {
    assert.deepEqual(
      member.committed.map(({ index }) => index),
      expected,
    );
    assert.deepEqual(member.committed, cluster.member(1).committed);
  }
});

test('a new leader begins behind the end of its own log with everybody (§5.3)', () => {
  const member = new Member({ log: [1, 1, 2, 2], term: 2 });
  member.campaign();
  member.hear('preVoteResponse', { from: m(2), term: t(2), campaignTerm: t(3), granted: true });
  member.persist();
  member.hear('voteResponse', { from: m(2), term: t(3), granted: true });
  assert.deepEqual(
    member.said('append').map(({ to, prevIndex, prevTerm, entries }) => [to, prevIndex, prevTerm, entries.length]),
    [
      [2, 4, 2, 1],
      [3, 4, 2, 1],
    ],
  );
});

test('logs that hold an entry of one index and term are equal up to it, whatever was lost in between (§5.3, figure 3)', () => {
  const starts = [
    [1, 1, 1, 4, 4, 5, 5, 6, 6, 6],
    [1, 1, 1, 4, 4, 5, 5, 6, 6],
    [1, 1, 1, 4],
    [1, 1, 1, 4, 4, 4, 4],
    [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  ];
  const cluster = new Cluster(starts.map((log) => ({ log, term: 7 })));
  cluster.cut(1, 4);
  cluster.elect(1);
  cluster.member(1).propose(1);
  cluster.run(heartbeatMs);
  cluster.heal();
  cluster.run(3 * heartbeatMs);
  for (const member of cluster.members) {
    assert.deepEqual(member.log, [...(starts[0] ?? []), 8, 8]);
    assert.equal(member.commitIndex, 12);
  }
});
