// Raft §5.2: leader election. Most of its rules stand in election.test.ts: see README.md in this folder.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, Cluster, electionMs, heartbeatMs, Member } from '../member.test-driver.ts';
import type { Index, MemberId, Term } from '../types.ts';

const t = (term: number): Term => term as Term;
const i = (index: number): Index => index as Index;
const m = (member: number): MemberId => member as MemberId;

test('a follower that grants its vote gives the candidate a whole timeout (§5.2)', () => {
  const member = new Member({ term: 1 });
  member.advance(electionMs - 1);
  member.hear('vote', { from: m(2), term: t(1), lastIndex: i(0), lastTerm: t(0) });
  member.advance(electionMs - 1);
  assert.equal(member.role, 'follower');
  member.persist();
  member.advance(1);
  assert.equal(member.role, 'pre-candidate');
});

test('a vote is stored before it is given, also in a term that is stored already (§5.2, figure 2)', () => {
  const member = new Member({ term: 1 });
  member.hear('vote', { from: m(2), term: t(1), lastIndex: i(0), lastTerm: t(0) });
  assert.equal(member.said('voteResponse').length, 0);
  member.persist();
  assert.equal(member.disk.hardState.vote, 2);
  assert.deepEqual(
    member.said('voteResponse').map(({ granted }) => granted),
    [true],
  );
});

test('a follower that refuses its vote goes on waiting as before (§5.2)', () => {
  const member = new Member({ log: [1, 1], term: 1 });
  member.advance(electionMs - 1);
  member.hear('vote', { from: m(2), term: t(1), lastIndex: i(1), lastTerm: t(1) });
  member.advance(1);
  assert.equal(member.role, 'pre-candidate');
});

test('a pre-candidate gives way to the leader of its own term or a later one (§5.2; ours: no term has begun yet)', () => {
  for (const term of [1, 4]) {
    const member = new Member({ term: 1 });
    member.campaign();
    member.hear('append', append(3, term, [0, 0]));
    assert.deepEqual([member.role, member.leader, member.term], ['follower', 3, term]);
  }
});

test('a candidate gives way to the leader of a later term (§5.2)', () => {
  const member = new Member();
  member.campaign();
  for (const from of [2, 3])
    if (member.role === 'pre-candidate')
      member.hear('preVoteResponse', { from: m(from), term: t(0), campaignTerm: t(1), granted: true });
  assert.equal(member.role, 'candidate');
  member.hear('heartbeat', { from: m(3), term: t(2), commit: i(0), readSequence: 0 });
  assert.deepEqual([member.role, member.leader, member.term], ['follower', 3, 2]);
});

test('votes of another term elect nobody (§5.2)', () => {
  const member = new Member({ term: 4 });
  member.campaign();
  member.hear('preVoteResponse', { from: m(2), term: t(4), campaignTerm: t(5), granted: true });
  member.persist();
  for (const from of [2, 3]) member.hear('voteResponse', { from: m(from), term: t(4), granted: true });
  assert.equal(member.role, 'candidate');
});

test('a vote that is split ends in a later term, because the timeouts differ (§5.2)', () => {
  const cluster = new Cluster([{}, {}, {}, {}]);
  // All stand at once: each has its own vote, and nobody three of four.
  for (const member of cluster.members) member.campaign();
  for (const member of cluster.members)
    for (const from of [1, 2, 3, 4])
      if (from !== member.id && member.role === 'pre-candidate')
        member.hear('preVoteResponse', { from: m(from), term: t(0), campaignTerm: t(1), granted: true });
  cluster.settle();
  assert.deepEqual(
    cluster.members.map(({ role, term }) => [role === 'leader', term]),
    [1, 2, 3, 4].map(() => [false, 1]),
  );
  cluster.run(3 * electionMs);
  const leaders = cluster.members.filter(({ role }) => role === 'leader');
  assert.equal(leaders.length, 1);
  assert.ok(cluster.members.every(({ term }) => term === leaders[0]?.term));
});

test('one leader at a time goes on for as long as it is heard (§5.2)', () => {
  const cluster = new Cluster([{}, {}, {}, {}, {}]);
  const leader = cluster.elect(3);
  cluster.run(100 * heartbeatMs);
  assert.deepEqual([leader.role, leader.term], ['leader', 1]);
  assert.ok(cluster.members.every((member) => member.leader === 3));
});
