import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, electionMs, heartbeatMs, Member } from './member.test-driver.ts';
import type { Index, MemberId, Term } from './types.ts';

const i = (index: number): Index => index as Index;
const m = (member: number): MemberId => member as MemberId;

function three(): Cluster {
  return new Cluster([{}, {}, {}]);
}

function leaderOf(): Member {
  const member = new Member({ learners: [4] });
  member.lead();
  accept(member, 2, 1);
  return member;
}

function accept(member: Member, from: number, match: number): void {
  member.hear('appendAccepted', { from: m(from), term: member.term as Term, match: i(match), audience: true });
}

test('leadership goes to who was named, at once, and everybody follows it (thesis §3.10)', () => {
  const cluster = three();
  const leader = cluster.elect(1);
  cluster.run(heartbeatMs);
  leader.transfer(7, 3);
  cluster.settle();
  assert.deepEqual(leader.handedOver, [7]);
  assert.deepEqual(
    cluster.members.map((member) => member.leader),
    [3, 3, 3],
  );
});

test('the target is asked only when its disk holds all of the log, and no proposal is taken meanwhile', () => {
  const member = leaderOf();
  member.propose(1);
  member.transfer(7, 2);
  member.propose(2);
  member.change(3, { leaseReads: true });
  assert.deepEqual(
    member.failed.map(({ id, reason }) => [id, reason]),
    [
      [2, 'transferring'],
      [3, 'transferring'],
    ],
  );
  assert.equal(member.said('timeoutNow').length, 0);
  accept(member, 2, 2);
  assert.deepEqual(
    member.said('timeoutNow').map(({ to }) => to),
    [2],
  );
  member.hear('heartbeatResponse', { from: m(2), term: 1 as Term, readSequence: 0 });
  member.advance(heartbeatMs);
  assert.equal(member.said('timeoutNow').length, 1, 'and again with each heartbeat');
});

test('best is the voter that lacks least, among those that were heard of, and never a learner', () => {
  const member = leaderOf();
  for (const id of [1, 2]) member.propose(id);
  accept(member, 4, 3);
  accept(member, 3, 2);
  member.transfer(7, 'best');
  assert.equal(member.node.state.transfer?.to, 3);
});

test('a transfer that does not succeed within an election time is given up, and proposals are taken again', () => {
  const member = leaderOf();
  member.propose(1);
  member.transfer(7, 2);
  for (let passed = 0; passed < electionMs; passed += heartbeatMs) {
    member.hear('heartbeatResponse', { from: m(3), term: 1 as Term, readSequence: 0 });
    member.advance(heartbeatMs);
  }
  assert.deepEqual(
    member.failed.map(({ id, what, reason }) => [id, what, reason]),
    [[7, 'transfer', 'transfer-timeout']],
  );
  member.propose(2);
  assert.equal(member.accepted.at(-1)?.id, 2);
});

test('who cannot lead is no target, and one transfer at a time', () => {
  const member = leaderOf();
  for (const [id, to] of [
    [1, 1],
    [2, 4],
    [3, 9],
  ] as const)
    member.transfer(id, to);
  member.transfer(4, 2);
  member.transfer(5, 3);
  assert.deepEqual(
    member.failed.map(({ id, reason }) => [id, reason]),
    [
      [1, 'invalid-target'],
      [2, 'invalid-target'],
      [3, 'invalid-target'],
      [5, 'transferring'],
    ],
  );
  const follower = new Member();
  follower.transfer(1, 2);
  assert.equal(follower.failed[0]?.reason, 'not-leader');
});

test('reads go on through rounds while leadership is being transferred', () => {
  const member = leaderOf();
  member.transfer(7, 3);
  member.read(1);
  const sequence = member.node.state.reads.sequence;
  member.hear('heartbeatResponse', { from: m(2), term: 1 as Term, readSequence: sequence });
  assert.deepEqual(member.reads, [{ id: 1, index: 1 }]);
});

test('who is asked to stand campaigns without asking before, and says so: those who hear the leader vote for it all the same', () => {
  const target = new Member();
  target.hear('heartbeat', { from: m(2), term: 1 as Term, commit: i(0), readSequence: 0 });
  target.persist();
  target.hear('timeoutNow', { from: m(2), term: 1 as Term });
  assert.equal(target.role, 'candidate');
  target.persist();
  assert.deepEqual(
    target.said('vote').map(({ transfer, term }) => [transfer, term]),
    [
      [true, 2],
      [true, 2],
    ],
  );
  const voter = new Member({ id: 3 });
  voter.hear('heartbeat', { from: m(2), term: 1 as Term, commit: i(0), readSequence: 0 });
  const asked = { from: m(1), term: 2 as Term, lastIndex: i(0), lastTerm: 0 as Term };
  voter.hear('vote', asked);
  assert.equal(voter.term, 1, 'without the word it protects its leader');
  voter.hear('vote', { ...asked, transfer: true });
  voter.persist();
  assert.equal(voter.said('voteResponse')[0]?.granted, true);
});

test('who is asked to stand in a term that is over, or has no vote, or an unfinished write, does not', () => {
  const [late, learner, busy] = [new Member({ term: 5 }), new Member({ id: 4, learners: [4] }), new Member({ id: 3 })];
  for (const member of [late, learner, busy]) {
    member.hear('timeoutNow', { from: m(2), term: 1 as Term });
    assert.equal(member.role, 'follower');
  }
});
