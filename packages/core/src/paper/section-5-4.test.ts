// Raft §5.4 to §5.6: safety, crashes of followers and candidates, timing. See README.md in this folder.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, Cluster, electionMs, heartbeatMs, Member } from '../member.test-driver.ts';
import type { Index, MemberId, Term } from '../types.ts';

const t = (term: number): Term => term as Term;
const i = (index: number): Index => index as Index;
const m = (member: number): MemberId => member as MemberId;

/** All sets of three of five members. */
const majorities = [1, 2, 3].flatMap((a) =>
  [2, 3, 4].flatMap((b) => [3, 4, 5].filter((c) => a < b && b < c).map((c) => [a, b, c])),
);

for (const holders of majorities) {
  test(`an entry that ${holders.join(', ')} of five hold is in the log of every later leader (§5.4.1, §5.4.3)`, () => {
    for (const candidate of [1, 2, 3, 4, 5]) {
      const cluster = new Cluster(
        [1, 2, 3, 4, 5].map((id) => ({ log: holders.includes(id) ? [1, 2, 2] : [1, 2], term: 2 })),
      );
      cluster.elect(candidate);
      assert.equal(cluster.member(candidate).role === 'leader', holders.includes(candidate));
      cluster.run(6 * electionMs);
      const leader = cluster.members.find(({ role }) => role === 'leader');
      assert.deepEqual(leader?.log.slice(0, 3), [1, 2, 2]);
    }
  });
}

test('entries flow from leaders to followers only: whoever votes for a member gives it nothing (§5.4.1)', () => {
  const cluster = new Cluster([
    { log: [1, 3], term: 3 },
    { log: [1, 1, 1], term: 3 },
    { log: [1], term: 3 },
  ]);
  cluster.elect(1);
  cluster.run(heartbeatMs);
  for (const member of cluster.members) assert.deepEqual(member.log, [1, 3, 4]);
});

test('what one member has applied at an index, every other one applies there (§5.4.3, figure 3)', () => {
  const cluster = new Cluster([{}, {}, {}]);
  cluster.elect(1);
  cluster.isolate(1);
  cluster.member(1).propose(1);
  cluster.run(3 * electionMs);
  const second = cluster.members.find((member) => member.id !== 1 && member.role === 'leader');
  second?.propose(2);
  cluster.run(heartbeatMs);
  cluster.heal();
  cluster.run(3 * electionMs);
  for (const member of cluster.members) {
    assert.deepEqual(member.committed, cluster.member(2).committed);
    assert.ok(member.committed.every(({ index }, at) => index === at + 1));
  }
});

test('what a crashed follower missed it gets after its restart (§5.5)', () => {
  const cluster = new Cluster([{}, {}, {}]);
  const leader = cluster.elect(1);
  leader.propose(1);
  const follower = cluster.member(3);
  for (const message of leader.outbox.filter(({ to }) => to === 3)) follower.receive(message);
  // It dies with the entry on its way to its disk.
  follower.restart();
  assert.equal(follower.lastIndex, 1);
  cluster.run(2 * heartbeatMs);
  assert.deepEqual(follower.log, leader.log);
});

test('a follower that crashed after the write and before the answer takes the request again, to no other effect (§5.5)', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1, 1], 1));
  member.persist();
  member.restart();
  member.hear('append', append(2, 1, [0, 0], [1, 1], 1));
  member.persist();
  assert.deepEqual(member.log, [1, 1]);
  assert.deepEqual(
    member.said('appendAccepted').map(({ match }) => match),
    [2],
  );
});

test('a candidate that crashes stands again in a later term than it has voted in (§5.5)', () => {
  const member = new Member();
  member.campaign();
  member.hear('preVoteResponse', { from: m(2), term: t(0), campaignTerm: t(1), granted: true });
  member.persist();
  member.restart();
  assert.deepEqual([member.role, member.term, member.vote], ['follower', 1, 1]);
  member.campaign();
  member.hear('preVoteResponse', { from: m(2), term: t(1), campaignTerm: t(2), granted: true });
  member.persist();
  assert.deepEqual(
    member.said('vote').map(({ term }) => term),
    [2, 2],
  );
});

test('no message is wrong for being late: after any delay a member only learns from it (§5.6)', () => {
  const cluster = new Cluster([{}, {}, {}]);
  const leader = cluster.elect(1);
  leader.propose(1);
  const late = [...leader.outbox];
  leader.outbox = [];
  cluster.isolate(1);
  cluster.run(20 * electionMs);
  cluster.heal();
  cluster.run(3 * electionMs);
  const before = cluster.members.map(({ log }) => log);
  for (const message of late) cluster.member(message.to).receive(message);
  cluster.settle();
  assert.deepEqual(
    cluster.members.map(({ log }) => log),
    before,
  );
  assert.ok(late.length > 0 && late.every(({ term }) => term === 1));
  assert.ok(cluster.member(2).commitIndex >= i(2));
});
