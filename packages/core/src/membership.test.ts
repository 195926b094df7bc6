import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeConfiguration, isJoint } from './configuration.ts';
import { Cluster, electionMs, heartbeatMs, Member } from './member.test-driver.ts';
import { EntryKind, type Index, type MemberId, type Term } from './types.ts';

const i = (index: number): Index => index as Index;
const m = (member: number): MemberId => member as MemberId;
const ids = (...members: readonly number[]): MemberId[] => members as MemberId[];

/** Founders, and members that know of nobody yet. */
function clusterOf(founders: number, joiners: number = 0): Cluster {
  const ofAll = Array.from({ length: founders }, (_, at) => at + 1);
  const founding = ofAll.map(() => ({ voters: ofAll }));
  return new Cluster([...founding, ...Array.from({ length: joiners }, () => ({ voters: [] }))]);
}

function voters(member: Member): [readonly number[], readonly number[]] {
  return [member.configuration.voters, member.configuration.votersOutgoing];
}

function reasons(member: Member): [number, string][] {
  return member.failed.map(({ id, reason }) => [id, reason]);
}

/** Leads three, has committed its no-op, and has learner 4. */
function leaderWithLearner(): Member {
  const member = new Member({ learners: [4] });
  member.lead();
  member.hear('appendAccepted', { from: m(2), term: 1 as Term, match: i(1), audience: true });
  return member;
}

test('a single member grows to seven and back to one, one change at a time and several at once', () => {
  const cluster = clusterOf(1, 6);
  const leader = cluster.elect(1);
  leader.change(1, { addLearners: ids(2, 3) });
  cluster.settle();
  leader.change(2, { promote: ids(2, 3), addLearners: ids(4, 5, 6, 7) });
  cluster.settle();
  assert.deepEqual(voters(leader), [[1, 2, 3], []]);
  leader.change(3, { promote: ids(4, 5, 6, 7) });
  cluster.settle();
  for (const member of cluster.members) assert.deepEqual(voters(member), [[1, 2, 3, 4, 5, 6, 7], []]);
  leader.propose(9);
  leader.change(4, { remove: ids(2, 3, 4, 5, 6, 7) });
  cluster.settle();
  assert.deepEqual(voters(leader), [[1], []]);
  assert.deepEqual(reasons(leader), []);
  assert.equal(leader.commitIndex, leader.lastIndex);
});

test('a joint configuration commits only with both majorities, and is in force as soon as it is appended (Raft §6)', () => {
  const member = leaderWithLearner();
  member.hear('appendAccepted', { from: m(4), term: 1 as Term, match: i(1), audience: true });
  member.change(1, { promote: ids(4), remove: ids(2, 3) });
  member.persist();
  assert.deepEqual(voters(member), [
    [1, 4],
    [1, 2, 3],
  ]);
  member.hear('appendAccepted', { from: m(4), term: 1 as Term, match: i(2), audience: true });
  assert.equal(member.commitIndex, 1, 'all of the new voters, and one of the three old ones');
  member.hear('appendAccepted', { from: m(3), term: 1 as Term, match: i(2), audience: true });
  assert.equal(member.commitIndex, 2);
  assert.deepEqual(voters(member), [[1, 4], []], 'left as soon as it was committed');
});

test('what the driver sent along stands in the entry that enters the change, and nothing in the one that leaves it', () => {
  const member = leaderWithLearner();
  member.hear('appendAccepted', { from: m(4), term: 1 as Term, match: i(1), audience: true });
  member.change(1, { promote: ids(4) }, Uint8Array.of(7, 7));
  assert.deepEqual(member.accepted.at(-1), { id: 1, index: 2, term: 1 });
  member.persist();
  for (const from of [2, 3, 4])
    member.hear('appendAccepted', { from: m(from), term: 1 as Term, match: i(2), audience: true });
  member.persist();
  const entries = member.disk.entries.filter(({ kind }) => kind === EntryKind.Configuration);
  const decoded = entries.map(({ data }) => decodeConfiguration(data));
  assert.deepEqual(
    decoded.map(({ configuration, context }) => [isJoint(configuration), [...context]]),
    [
      [true, [7, 7]],
      [false, []],
    ],
  );
});

test('learners get the log and are not counted, neither for commit nor for votes', () => {
  const cluster = clusterOf(1, 2);
  const leader = cluster.elect(1);
  leader.change(1, { addLearners: ids(2, 3) });
  cluster.settle();
  leader.propose(5);
  cluster.settle();
  assert.equal(cluster.member(3).committed.length, leader.committed.length);
  cluster.member(3).campaign();
  assert.equal(cluster.member(3).role, 'follower');
  leader.propose(6);
  assert.equal(leader.writes.length, 1);
  cluster.member(2).receive(leader.said('append')[0] ?? assert.fail());
  const before = leader.commitIndex;
  cluster.member(2).persist();
  for (const message of cluster.member(2).said('appendAccepted')) leader.receive(message);
  assert.equal(leader.commitIndex, before, 'the leader itself has it not yet');
});

test('a learner that does not know that it was promoted votes when it is asked (etcd: campaign_learner_must_vote)', () => {
  const learner = new Member({ id: 4, voters: [1, 2, 3], learners: [4] });
  learner.hear('vote', { from: m(1), term: 3 as Term, lastIndex: i(0), lastTerm: 0 as Term });
  learner.persist();
  assert.deepEqual(
    learner.said('voteResponse').map(({ granted }) => granted),
    [true],
  );
});

test('one change at a time, and none before the leader knows what is committed (Ongaro, 2015)', () => {
  const member = new Member({ learners: [4] });
  member.change(1, { remove: ids(4) });
  member.lead();
  member.change(2, { remove: ids(4) });
  member.hear('appendAccepted', { from: m(2), term: 1 as Term, match: i(1), audience: true });
  member.change(3, { remove: ids(4) });
  member.change(4, { leaseReads: true });
  member.persist();
  member.hear('appendAccepted', { from: m(2), term: 1 as Term, match: i(2), audience: true });
  member.change(5, { promote: ids(4) });
  assert.deepEqual(reasons(member), [
    [1, 'not-leader'],
    [2, 'no-commit-in-term'],
    [4, 'config-pending'],
    [5, 'learner-required'],
  ]);
  assert.equal(member.failed.at(-1)?.detail, 'member 4 is no learner: add it as one first');
});

test('a learner votes only when it has caught up: with what the leader held within the last election time', () => {
  const member = leaderWithLearner();
  member.change(1, { promote: ids(4) });
  assert.deepEqual(reasons(member), [[1, 'not-caught-up']], 'nothing was heard of its log');
  member.hear('appendAccepted', { from: m(4), term: 1 as Term, match: i(1), audience: true });
  for (let id = 10; id < 20; id++) member.propose(id);
  member.now += electionMs / 2;
  member.hear('appendAccepted', { from: m(4), term: 1 as Term, match: i(8), audience: true });
  for (let id = 20; id < 30; id++) member.propose(id);
  member.now += electionMs;
  member.hear('heartbeatResponse', { from: m(4), term: 1 as Term, readSequence: 0 });
  member.change(2, { promote: ids(4) });
  assert.deepEqual(reasons(member).at(-1), [2, 'not-caught-up'], 'what it has is older than an election time');
  member.hear('appendAccepted', { from: m(4), term: 1 as Term, match: i(21), audience: true });
  member.change(3, { promote: ids(4) });
  assert.deepEqual(voters(member)[0], [1, 2, 3, 4]);
});

test('a context that is too long is refused', () => {
  const member = leaderWithLearner();
  member.change(1, { remove: ids(4) }, new Uint8Array(70_000));
  assert.match(member.failed[0]?.detail ?? '', /^a context of 70000 bytes/);
});

test('a tail that is cut takes its configuration along: the one before is in force again (Raft §6)', () => {
  const cluster = clusterOf(3, 1);
  const leader = cluster.elect(1);
  cluster.isolate(1);
  leader.change(1, { addLearners: ids(4) });
  cluster.settle();
  assert.deepEqual(leader.configuration.learners, [4]);
  cluster.run(5 * electionMs);
  cluster.heal();
  cluster.run(5 * electionMs);
  assert.equal(leader.role, 'follower');
  assert.deepEqual(leader.configuration.learners, []);
});

test('a change that its leader did not finish is finished by the next one (raft-rs: auto-leave)', () => {
  const cluster = clusterOf(3, 1);
  const first = cluster.elect(1);
  first.change(1, { addLearners: ids(4) });
  cluster.settle();
  first.change(2, { promote: ids(4), remove: ids(3) });
  // The joint configuration reaches the others' disks, and their word does not come back.
  for (const message of first.said('append')) cluster.member(message.to).receive(message);
  for (const id of [2, 3, 4]) cluster.member(id).persist();
  for (const id of [2, 3, 4]) cluster.member(id).outbox = [];
  cluster.isolate(1);
  for (const member of cluster.members) member.now += 2 * electionMs;
  const next = cluster.elect(2);
  assert.equal(next.role, 'leader');
  assert.deepEqual(voters(next), [[1, 2, 4], []]);
});

test('a leader that removes itself leads, uncounted, until that is committed; then another one leads (Raft §6)', () => {
  const cluster = clusterOf(3);
  const leader = cluster.elect(1);
  leader.change(1, { remove: ids(1) });
  leader.persist();
  const answer = (from: number, match: number): void =>
    leader.hear('appendAccepted', { from: m(from), term: 1 as Term, match: i(match), audience: true });
  answer(2, 2);
  leader.persist();
  assert.deepEqual(
    voters(leader),
    [
      [2, 3],
      [1, 2, 3],
    ],
    'of the new voters only one has it',
  );
  answer(3, 2);
  leader.persist();
  assert.deepEqual(voters(leader), [[2, 3], []]);
  answer(2, 3);
  assert.equal(leader.commitIndex, 2, 'its own disk does not count any more');
  assert.equal(leader.role, 'leader');
  answer(3, 3);
  assert.equal(leader.commitIndex, 3);
  assert.equal(leader.role, 'follower');
  assert.deepEqual(
    leader.said('timeoutNow').map(({ to }) => to),
    [2],
  );
});

test('who is left out by a configuration that may not be committed still stands: it may be the only one that can win (thesis §4.2.2)', () => {
  const cluster = clusterOf(3);
  const leader = cluster.elect(1);
  leader.change(1, { remove: ids(1, 3) });
  cluster.cut(1, 2);
  cluster.cut(1, 3);
  leader.persist();
  for (const message of leader.said('append')) cluster.member(message.to).receive(message);
  for (const id of [2, 3]) {
    cluster.member(id).persist();
    for (const message of cluster.member(id).said('appendAccepted')) leader.receive(message);
  }
  // Now the final configuration, without itself, is in its log and in no other.
  assert.deepEqual(voters(leader), [[2], []]);
  leader.persist();
  leader.restart();
  cluster.heal();
  cluster.member(2).restart();
  cluster.member(3).restart();
  cluster.run(20 * electionMs);
  assert.equal(cluster.member(2).role, 'leader');
  assert.deepEqual(voters(cluster.member(2)), [[2], []]);
  assert.equal(cluster.member(1).role, 'follower');
});

test('members that have left are told so, and then no more', () => {
  const cluster = clusterOf(3);
  const leader = cluster.elect(1);
  leader.change(1, { remove: ids(3) });
  cluster.settle();
  assert.deepEqual(voters(cluster.member(3)), [[1, 2], []]);
  cluster.run(heartbeatMs);
  assert.ok(!leader.node.state.progress.has(m(3)));
  const { term } = leader;
  cluster.run(5 * electionMs);
  assert.equal(cluster.member(3).role, 'follower');
  assert.equal(leader.term, term);
});

test('a member that left unreachable is given up after a while', () => {
  const cluster = clusterOf(3);
  const leader = cluster.elect(1);
  cluster.isolate(3);
  leader.change(1, { remove: ids(3) });
  cluster.settle();
  assert.ok(leader.node.state.progress.has(m(3)));
  cluster.run(3 * electionMs);
  assert.ok(!leader.node.state.progress.has(m(3)));
});

test('a configuration is found again after a restart: from the checkpoint, and from the log behind it', () => {
  const cluster = clusterOf(3, 1);
  const leader = cluster.elect(1);
  leader.change(1, { addLearners: ids(4) });
  cluster.settle();
  leader.checkpoint(leader.commitIndex);
  leader.change(2, { leaseReads: true });
  cluster.settle();
  leader.restart();
  assert.deepEqual([leader.configuration.learners, leader.configuration.leaseReads], [[4], true]);
});
