// Raft §6: changes of membership. Most of its rules stand in membership.test.ts: see README.md in this folder.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isJoint } from '../configuration.ts';
import { Cluster, electionMs, heartbeatMs, type Member } from '../member.test-driver.ts';
import type { MemberId } from '../types.ts';

const ids = (...members: number[]): MemberId[] => members as MemberId[];

/** 1, 2 and 3 vote, 1 leads, and 4 and 5 are learners with all of the log. */
function threeAndTwoLearners(): Cluster {
  const cluster = new Cluster([1, 2, 3, 4, 5].map((id) => ({ voters: id <= 3 ? [1, 2, 3] : [] })));
  cluster.elect(1).change(1, { addLearners: ids(4, 5) });
  cluster.settle();
  cluster.run(heartbeatMs);
  assert.deepEqual(cluster.member(1).configuration.learners, [4, 5]);
  return cluster;
}

/** Replaces 2 and 3 by 4 and 5, and stops while the joint configuration is committed nowhere; whom it reaches is told. */
function enterJoint(cluster: Cluster, reached: readonly number[]): Member {
  const leader = cluster.member(1);
  leader.change(2, { promote: ids(4, 5), remove: ids(2, 3) });
  leader.persist();
  for (const message of leader.said('append')) {
    if (!reached.includes(message.to)) continue;
    cluster.member(message.to).receive(message);
    cluster.member(message.to).persist();
    cluster.member(message.to).outbox = [];
  }
  leader.outbox = [];
  assert.ok(isJoint(leader.configuration));
  return leader;
}

test('the entries of a joint configuration go to the members of both (§6)', () => {
  const cluster = threeAndTwoLearners();
  const leader = enterJoint(cluster, [2, 3, 4, 5]);
  leader.propose(9);
  assert.deepEqual(
    leader
      .said('append')
      .map(({ to }) => to)
      .toSorted((a, b) => a - b),
    [2, 3, 4, 5],
  );
});

for (const successor of [2, 4]) {
  const side = successor === 2 ? 'old' : 'new';
  test(`a member of the ${side} configuration alone may lead through the joint one, with votes of both (§6)`, () => {
    const cluster = threeAndTwoLearners();
    enterJoint(cluster, [2, 3, 4, 5]);
    cluster.isolate(1);
    cluster.run(1);
    for (const member of cluster.members) member.now += electionMs;
    const next = cluster.elect(successor);
    // 2 has left by then, and leads no more.
    assert.deepEqual(
      [next.log.slice(0, 4), next.vote, next.role === 'leader'],
      [[1, 1, 1, 2], successor, successor === 4],
    );
    cluster.run(electionMs);
    assert.deepEqual(cluster.member(4).configuration.voters, [1, 4, 5], 'and the change is finished');
  });
}

test('in a joint configuration no candidate wins with one majority alone (§6)', () => {
  for (const [alive, isEnough] of [
    [[2, 3], false],
    [[4, 5], false],
    [[2, 4, 5], false],
    [[2, 3, 4, 5], true],
  ] as const) {
    const cluster = threeAndTwoLearners();
    enterJoint(cluster, [2, 3, 4, 5]);
    for (const member of cluster.members)
      if (!(alive as readonly number[]).includes(member.id)) cluster.isolate(member.id);
    cluster.run(6 * electionMs);
    const elected = cluster.members.some(({ id, role }) => id !== 1 && role === 'leader');
    assert.equal(elected, isEnough, alive.join(', '));
  }
});

test('when the leader fails before a change is committed, a leader under the old configuration or the joint one may follow (§6)', () => {
  // It reached nobody: 2 and 3 go on as if it had never been asked for.
  const without = threeAndTwoLearners();
  enterJoint(without, []);
  without.isolate(1);
  without.run(3 * electionMs);
  const old = without.members.find(({ id, role }) => id !== 1 && role === 'leader');
  assert.deepEqual(old?.configuration.voters, [1, 2, 3]);
  // It reached a majority of both: whoever leads finishes it.
  const within = threeAndTwoLearners();
  enterJoint(within, [2, 3, 4, 5]);
  within.isolate(1);
  within.run(6 * electionMs);
  const next = within.members.find(({ id, role }) => id !== 1 && role === 'leader');
  assert.deepEqual([next?.configuration.voters, next?.configuration.votersOutgoing], [[1, 4, 5], []]);
});

test('once a joint configuration is committed, nobody without it in its log is elected (§6)', () => {
  const cluster = threeAndTwoLearners();
  // It is committed by 1 and 2 of the old voters and by 1 and 4 of the new ones; 3 and 5 never hear of it.
  enterJoint(cluster, [2, 4]);
  for (const candidate of [3, 5]) {
    cluster.isolate(1);
    for (const member of cluster.members) member.now += electionMs;
    cluster.elect(candidate);
    assert.notEqual(cluster.member(candidate).role, 'leader');
  }
});

test('when the final configuration is committed, members outside of it may be shut down (§6)', () => {
  const cluster = threeAndTwoLearners();
  const leader = enterJoint(cluster, []);
  cluster.run(3 * heartbeatMs);
  assert.deepEqual([leader.configuration.voters, leader.configuration.votersOutgoing], [[1, 4, 5], []]);
  for (const gone of [2, 3]) cluster.isolate(gone);
  leader.propose(9);
  cluster.settle();
  assert.equal(leader.commitIndex, leader.lastIndex);
});
