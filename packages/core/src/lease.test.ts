import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, electionMs, heartbeatMs, Member, type Setup } from './member.test-driver.ts';
import type { Index, MemberId, Term } from './types.ts';

const i = (index: number): Index => index as Index;
const t = (term: number): Term => term as Term;
const m = (member: number): MemberId => member as MemberId;

const drift = 0.1;
const marginMs = 20;
/** 1,000 ms by the slowest clock of a voter, seen from the fastest one of a leader. */
const leaseMs = (electionMs * (1 - drift)) / (1 + drift) - marginMs;

/** A leader of three whose entry is on member 2, and which has no lease yet. */
function leaderOf(setup: Setup = {}): Member {
  const options = { maxClockDrift: drift, leaseMarginMs: marginMs, ...setup.options };
  const member = new Member({ leaseReads: true, ...setup, options });
  // Before that it may be bound by what it promised before it started.
  member.now = electionMs;
  member.lead();
  member.hear('appendAccepted', { from: m(2), term: t(1), match: i(1), audience: true });
  assert.equal(member.role, 'leader');
  member.outbox = [];
  return member;
}

/** The newest heartbeats are answered by `from`. Returns when they left. */
function renew(member: Member, from: number): number {
  member.advance(heartbeatMs);
  const sentAt = member.now;
  const readSequence = member.said('heartbeat').at(-1)?.readSequence ?? assert.fail();
  member.hear('heartbeatResponse', { from: m(from), term: t(1), readSequence });
  return sentAt;
}

function isAnswered(member: Member, id: number): boolean {
  member.read(id);
  return member.reads.some((read) => read.id === id);
}

test('a lease answers reads at once, from when the heartbeat left, shorter by drift and margin (thesis §6.4.1)', () => {
  const member = leaderOf();
  assert.ok(!isAnswered(member, 1), 'nobody has answered a heartbeat');
  const sentAt = renew(member, 2);
  member.now = sentAt + leaseMs - 1;
  assert.ok(isAnswered(member, 2));
  assert.equal(member.said('heartbeat').length, 0);
  member.now = sentAt + leaseMs;
  assert.ok(!isAnswered(member, 3));
});

test('a lease is not counted from when the answer came', () => {
  const member = leaderOf();
  member.advance(heartbeatMs);
  const readSequence = member.said('heartbeat').at(-1)?.readSequence ?? assert.fail();
  member.now += 400;
  member.hear('heartbeatResponse', { from: m(2), term: t(1), readSequence });
  member.now += leaseMs - 400;
  assert.ok(!isAnswered(member, 1));
});

test('without the setting there is no lease', () => {
  const member = leaderOf({ leaseReads: false });
  renew(member, 2);
  assert.ok(!isAnswered(member, 1));
});

test('a voter that may not know that leases are on is not counted', () => {
  const member = leaderOf({ leaseReads: false });
  member.change(1, { leaseReads: true });
  member.persist();
  renew(member, 3);
  assert.ok(!isAnswered(member, 1), 'the setting is not committed');
  member.hear('appendAccepted', { from: m(2), term: t(1), match: i(2), audience: true });
  renew(member, 3);
  assert.ok(!isAnswered(member, 2), 'member 3 has not got it');
  renew(member, 2);
  assert.ok(isAnswered(member, 3));
});

test('a transfer ends the lease; once the target was asked to stand there is none again in this term (etcd-io/raft #99)', () => {
  const member = leaderOf();
  member.propose(9);
  member.persist();
  renew(member, 2);
  member.transfer(7, 2);
  assert.ok(!isAnswered(member, 1));
  for (let passed = 0; passed < electionMs; passed += heartbeatMs) renew(member, 2);
  assert.equal(member.failed.at(-1)?.reason, 'transfer-timeout');
  assert.ok(isAnswered(member, 2), 'the target was never asked');
  member.hear('appendAccepted', { from: m(2), term: t(1), match: i(2), audience: true });
  member.transfer(8, 2);
  for (let passed = 0; passed < electionMs; passed += heartbeatMs) renew(member, 2);
  assert.equal(member.failed.at(-1)?.id, 8);
  assert.ok(!isAnswered(member, 3), 'it may be asked still, by a message that is late');
});

const asksForVote = { from: m(3), term: t(2), lastIndex: i(5), lastTerm: t(1) };

test('with leases on a voter keeps its promise over a restart (braft #365)', () => {
  const voter = new Member({ leaseReads: true, term: 1 });
  voter.restart();
  voter.now += electionMs - 1;
  voter.hear('vote', asksForVote);
  assert.equal(voter.term, 1);
  voter.now += 1;
  voter.hear('vote', asksForVote);
  assert.equal(voter.term, 2);
  const without = new Member({ term: 1 });
  without.hear('vote', asksForVote);
  assert.equal(without.term, 2);
});

test('with leases on a voter keeps its promise also when it hears of a later term', () => {
  const voter = new Member({ leaseReads: true });
  voter.now = 5_000;
  voter.hear('append', append(2, 1, [0, 0], [1]));
  voter.hear('heartbeatResponse', { from: m(3), term: t(4), readSequence: 0 });
  assert.equal(voter.leader, null);
  voter.hear('vote', { ...asksForVote, term: t(5) });
  assert.equal(voter.term, 4);
  voter.campaign();
  assert.equal(voter.role, 'follower', 'nor for itself');
});

test('nor does a vote of that very term absolve it, until the promise is over or the leader itself hands over', () => {
  const voter = new Member({ leaseReads: true });
  voter.now = 5_000;
  voter.hear('append', append(2, 1, [0, 0], [1]));
  // A late answer to a request of its own.
  voter.hear('voteResponse', { from: m(3), term: t(4), granted: false });
  voter.persist();
  const late = { ...asksForVote, term: t(4) };
  const granted = (): number => voter.said('voteResponse').filter((answer) => answer.granted).length;
  voter.hear('vote', late);
  voter.persist();
  assert.equal(granted(), 0);
  voter.now += electionMs;
  voter.hear('vote', late);
  voter.persist();
  assert.equal(granted(), 1);

  const asked = new Member({ leaseReads: true });
  asked.now = 5_000;
  asked.hear('append', append(2, 1, [0, 0], [1]));
  asked.hear('voteResponse', { from: m(3), term: t(4), granted: false });
  asked.persist();
  asked.hear('vote', { ...late, transfer: true });
  asked.persist();
  assert.deepEqual(
    asked.said('voteResponse').map((answer) => answer.granted),
    [true],
  );
});

test('a link that closed lets a follower stand soon, and only those who lost it too vote for it', () => {
  const lost = new Member({ random: () => 0.5 });
  lost.now = 5_000;
  lost.hear('append', append(2, 1, [0, 0]));
  lost.persist();
  lost.step({ type: 'linkClosed', member: m(3) });
  assert.ok(lost.node.nextDeadline() >= 5_000 + electionMs, 'it was not the leader');
  lost.step({ type: 'linkClosed', member: m(2) });
  assert.ok(lost.node.nextDeadline() <= 5_000 + heartbeatMs);
  lost.advance(heartbeatMs);
  assert.equal(lost.role, 'pre-candidate');

  const asked = { from: m(1), term: t(1), campaignTerm: t(2), lastIndex: i(0), lastTerm: t(0) };
  const grants = (isLost: boolean): number => {
    const voter = new Member({ id: 3 });
    voter.hear('append', append(2, 1, [0, 0]));
    voter.persist();
    if (isLost) voter.step({ type: 'linkClosed', member: m(2) });
    voter.hear('preVote', asked);
    voter.persist();
    return voter.said('preVoteResponse').filter(({ granted }) => granted).length;
  };
  assert.deepEqual([grants(true), grants(false)], [1, 0]);
});

test('with leases on a link that closed changes nothing', () => {
  const member = new Member({ leaseReads: true });
  member.hear('append', append(2, 1, [0, 0]));
  const deadline = member.node.nextDeadline();
  member.step({ type: 'linkClosed', member: m(2) });
  assert.equal(member.node.nextDeadline(), deadline);
  member.hear('vote', asksForVote);
  assert.equal(member.term, 1);
});
