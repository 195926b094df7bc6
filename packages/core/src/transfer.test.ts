import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, Cluster, electionMs, heartbeatMs, Member } from './member.test-driver.ts';
import type { Message } from './message.ts';
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

function answerHeartbeat(member: Member, from: number, canLead = true): void {
  member.hear('heartbeatResponse', { from: m(from), term: member.term as Term, readSequence: 0, canLead });
}

function refusals(member: Member): (readonly [number, string])[] {
  return member.failed.map(({ id, reason }) => [id, reason] as const);
}

/** Leader 1 has asked 3 to stand, and 3 has not heard of it yet: the request is on its way. */
function askedToStand(): { readonly cluster: Cluster; readonly leader: Member; readonly request: Message } {
  const cluster = three();
  const leader = cluster.elect(1);
  cluster.run(heartbeatMs);
  leader.transfer(7, 3);
  const [request] = leader.said('timeoutNow');
  assert.ok(request !== undefined);
  return { cluster, leader, request };
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
    for (const from of [2, 3]) answerHeartbeat(member, from);
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

test('who is asked to stand asks the others first and says why: those who hear the leader answer, and vote for it all the same', () => {
  const target = new Member();
  target.hear('heartbeat', { from: m(2), term: 1 as Term, commit: i(0), readSequence: 0 });
  target.persist();
  target.hear('timeoutNow', { from: m(2), term: 1 as Term, lastIndex: i(0) });
  assert.deepEqual(
    target.said('preVote').map(({ campaignTerm, to, transfer }) => [to, campaignTerm, transfer]),
    [
      [2, 2, true],
      [3, 2, true],
    ],
  );
  assert.deepEqual([target.role, target.leader], ['follower', 2], 'until they agree it follows');
  target.hear('preVoteResponse', { from: m(3), term: 1 as Term, campaignTerm: 2 as Term, granted: true });
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
  const before = { from: m(1), term: 1 as Term, campaignTerm: 2 as Term, lastIndex: i(0), lastTerm: 0 as Term };
  voter.hear('preVote', before);
  assert.equal(voter.said('preVoteResponse').length, 0, 'without the word it does not even answer');
  voter.hear('preVote', { ...before, transfer: true });
  voter.persist();
  assert.equal(voter.said('preVoteResponse')[0]?.granted, true);
  voter.hear('vote', asked);
  assert.equal(voter.term, 1, 'without the word it protects its leader');
  voter.hear('vote', { ...asked, transfer: true });
  voter.persist();
  assert.equal(voter.said('voteResponse')[0]?.granted, true);
});

test('who is asked to stand in a term that is over, or has no vote, or an unfinished write, does not', () => {
  const [late, learner, busy] = [new Member({ term: 5 }), new Member({ id: 4, learners: [4] }), new Member({ id: 3 })];
  busy.hear('append', append(2, 1, [0, 0], [1]));
  for (const member of [late, learner, busy]) {
    member.hear('timeoutNow', { from: m(2), term: 1 as Term, lastIndex: i(0) });
    assert.deepEqual([member.role, member.said('preVote').length], ['follower', 0]);
  }
});

test('nothing is handed to a member that was not heard of for some heartbeats: proposals would wait for it in vain', () => {
  const member = leaderOf();
  for (let beat = 0; beat < 6; beat++) {
    answerHeartbeat(member, 3);
    member.advance(heartbeatMs);
  }
  member.transfer(7, 2);
  assert.deepEqual(refusals(member), [[7, 'target-unreachable']]);
  member.propose(1);
  assert.equal(member.accepted.at(-1)?.id, 1);
  member.transfer(8, 'best');
  assert.equal(member.node.state.transfer?.to, 3, 'who is heard of is still one');
});

test('nothing is handed to a member that takes a snapshot, or still loads the one that it took', () => {
  const member = new Member({ voters: [1, 2, 3], log: [1, 1, 1], options: { keptLogEntries: 1 } });
  member.lead();
  accept(member, 2, 4);
  member.checkpoint(4);
  member.hear('appendRejected', { from: m(3), term: 2 as Term, rejected: i(3), hintIndex: i(0), hintTerm: 0 as Term });
  assert.equal(member.snapshotSends.length, 1);
  member.transfer(7, 3);
  assert.deepEqual(refusals(member), [[7, 'target-behind']], 'at once');
  accept(member, 3, 4);
  answerHeartbeat(member, 3, false);
  member.transfer(8, 3);
  member.hear('heartbeatResponse', { from: m(2), term: 2 as Term, readSequence: 0, canLead: false });
  member.transfer(9, 'best');
  assert.deepEqual(refusals(member), [
    [7, 'target-behind'],
    [8, 'target-behind'],
    [9, 'target-behind'],
  ]);
  answerHeartbeat(member, 3);
  member.transfer(10, 'best');
  assert.equal(member.node.state.transfer?.to, 3);
});

test('a transfer ends at once when the link to its target closes, and nothing is handed there before it is heard of again', () => {
  const member = leaderOf();
  member.propose(1);
  member.transfer(7, 2);
  member.step({ type: 'linkClosed', member: m(3) });
  assert.deepEqual(refusals(member), [], 'the link to another says nothing');
  member.step({ type: 'linkClosed', member: m(2) });
  assert.deepEqual(refusals(member), [[7, 'target-unreachable']]);
  member.propose(2);
  assert.equal(member.accepted.at(-1)?.id, 2);
  member.transfer(8, 2);
  assert.deepEqual(refusals(member).at(-1), [8, 'target-unreachable']);
  answerHeartbeat(member, 2);
  member.transfer(9, 2);
  assert.equal(member.node.state.transfer?.to, 2);
});

test('a transfer ends when its target falls silent, long before an election time', () => {
  const member = leaderOf();
  member.propose(1);
  member.transfer(7, 2);
  for (let beat = 0; beat < 6; beat++) {
    answerHeartbeat(member, 3);
    member.advance(heartbeatMs);
  }
  assert.deepEqual(refusals(member), [[7, 'target-unreachable']]);
});

test('who is asked follows until a majority agrees: heartbeats of the leader in between take nothing back', () => {
  const { cluster, leader, request } = askedToStand();
  const target = cluster.member(3);
  target.receive(request);
  target.hear('heartbeat', { from: m(1), term: 1 as Term, commit: i(1), readSequence: 9 });
  assert.deepEqual([target.role, target.leader], ['follower', 1]);
  cluster.settle();
  assert.deepEqual([target.role, leader.handedOver], ['leader', [7]]);
});

test('a request to stand that comes late or twice unseats nobody: whoever gave the transfer up has appended an entry since', () => {
  const { cluster, leader, request } = askedToStand();
  leader.step({ type: 'linkClosed', member: m(3) });
  cluster.settle();
  assert.deepEqual(refusals(leader), [[7, 'target-unreachable']]);
  const target = cluster.member(3);
  assert.equal(target.lastIndex, 2, 'an entry that only says that the leader goes on');
  target.receive(request);
  cluster.settle();
  assert.deepEqual(
    cluster.members.map(({ role, term }) => [role, term]),
    [
      ['leader', 1],
      ['follower', 1],
      ['follower', 1],
    ],
  );
});

test('a request to stand that comes late to who knows nothing of the leader since is refused by the others, in the same term', () => {
  const { cluster, leader, request } = askedToStand();
  cluster.cut(1, 3);
  leader.step({ type: 'linkClosed', member: m(3) });
  cluster.settle();
  const target = cluster.member(3);
  assert.equal(target.lastIndex, 1);
  target.receive(request);
  assert.equal(target.node.state.takeover, 1);
  cluster.settle();
  assert.deepEqual(
    cluster.members.map(({ role, term }) => [role, term]),
    [
      ['leader', 1],
      ['follower', 1],
      ['follower', 1],
    ],
  );
});

test('a leader that hands over to nobody agrees to no takeover, whatever the candidate holds', () => {
  const { cluster, leader, request } = askedToStand();
  const target = cluster.member(3);
  target.receive(request);
  const before = target.said('preVote').find(({ to }) => to === 1);
  assert.ok(before !== undefined);
  leader.step({ type: 'linkClosed', member: m(3) });
  leader.receive({ ...before, lastIndex: i(99) });
  leader.persist();
  assert.deepEqual(
    leader.said('preVoteResponse').map(({ granted }) => granted),
    [false],
  );
});

test('what the leader appends while the others are asked ends the takeover', () => {
  const { cluster, request } = askedToStand();
  const target = cluster.member(3);
  target.receive(request);
  target.hear('append', append(1, 1, [1, 1], [1], 1));
  target.hear('preVoteResponse', { from: m(2), term: 1 as Term, campaignTerm: 2 as Term, granted: true });
  assert.deepEqual([target.role, target.term, target.node.state.takeover], ['follower', 1, null]);
});
