import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, Cluster, electionMs, Member } from './member.test-driver.ts';
import type { Index, MemberId, Term } from './types.ts';

const t = (term: number): Term => term as Term;
const i = (index: number): Index => index as Index;
const m = (member: number): MemberId => member as MemberId;

/** A log end as a request for votes names it. */
const end = (lastIndex: number, lastTerm: number): { lastIndex: Index; lastTerm: Term } => ({
  lastIndex: i(lastIndex),
  lastTerm: t(lastTerm),
});

/** A member whose pre-campaign was granted, so that it stands in the next term; its term and vote are not on its disk yet. */
function candidate(setup: ConstructorParameters<typeof Member>[0] = {}): Member {
  const member = new Member(setup);
  member.campaign();
  for (const from of [2, 3])
    if (member.role === 'pre-candidate')
      member.hear('preVoteResponse', {
        from: m(from),
        term: t(member.term),
        campaignTerm: t(member.term + 1),
        granted: true,
      });
  return member;
}

test('members begin as followers, of nobody (Raft §5.2)', () => {
  const member = new Member();
  assert.equal(member.role, 'follower');
  assert.equal(member.leader, null);
});

test('a follower that hears of no leader for an election timeout begins to campaign (Raft §5.2)', () => {
  const member = new Member();
  member.advance(electionMs - 1);
  assert.equal(member.role, 'follower');
  member.advance(1);
  assert.equal(member.role, 'pre-candidate');
});

test('heartbeats and appends of the leader keep a follower following (Raft §5.2)', () => {
  const member = new Member({ term: 1 });
  for (let round = 0; round < 10; round++) {
    member.advance(electionMs - 1);
    if (round % 2 === 0) member.hear('heartbeat', { from: m(2), term: t(1), commit: i(0), readSequence: 0 });
    else member.hear('append', append(2, 1, [0, 0]));
  }
  assert.equal(member.role, 'follower');
  assert.equal(member.leader, 2);
});

test('election timeouts are spread between one and two times electionMs, and drawn anew for each campaign (Raft §5.2)', () => {
  const draws = [0, 0.999, 0.5, 0.25, 0.75, 0.1];
  let next = 0;
  const member = new Member({ random: () => draws[next++ % draws.length] as number });
  const timeouts = new Set<number>();
  for (let campaign = 0; campaign < 4; campaign++) {
    const timeoutMs = member.node.nextDeadline() - member.now;
    assert.ok(timeoutMs >= electionMs && timeoutMs < 2 * electionMs, `${timeoutMs}`);
    timeouts.add(timeoutMs);
    member.advance(timeoutMs);
  }
  assert.ok(timeouts.size > 1);
});

test('a candidate increments its term, votes for itself and asks all others for their votes (Raft §5.2)', () => {
  const member = candidate({ term: 4, log: [1, 4] });
  member.persist();
  assert.equal(member.term, 5);
  assert.equal(member.vote, 1);
  assert.deepEqual(
    member.said('vote').map(({ to, term, lastIndex, lastTerm }) => [to, term, lastIndex, lastTerm]),
    [
      [2, 5, 2, 4],
      [3, 5, 2, 4],
    ],
  );
});

test('a candidate with the votes of a majority leads, and says so to all at once (Raft §5.2)', () => {
  const member = candidate();
  member.persist();
  member.hear('voteResponse', { from: m(3), term: t(1), granted: true });
  assert.equal(member.role, 'leader');
  assert.deepEqual(
    member.said('heartbeat').map(({ to }) => to),
    [2, 3],
  );
});

for (const [members, needed] of [
  [1, 0],
  [2, 1],
  [3, 1],
  [4, 2],
  [5, 2],
  [7, 3],
] as const) {
  test(`of ${members} members a candidate needs ${needed} other votes, each counted once (Raft §5.2)`, () => {
    const voters = Array.from({ length: members }, (_, at) => at + 1);
    const member = new Member({ voters });
    member.campaign();
    for (const from of voters.slice(1))
      member.hear('preVoteResponse', { from: m(from), term: t(0), campaignTerm: t(1), granted: true });
    member.persist();
    for (let vote = 0; vote < needed; vote++) {
      assert.equal(member.role, 'candidate');
      for (let repeated = 0; repeated < 3; repeated++)
        member.hear('voteResponse', { from: m(2 + vote), term: t(1), granted: true });
    }
    assert.equal(member.role, 'leader');
  });
}

test('a candidate that a majority refuses gives up until its next timeout (Raft §5.2)', () => {
  const member = candidate();
  member.persist();
  for (const from of [2, 3]) member.hear('voteResponse', { from: m(from), term: t(1), granted: false });
  assert.equal(member.role, 'follower');
});

test('a candidate that hears from a leader of its term follows it (Raft §5.2)', () => {
  for (const kind of ['append', 'heartbeat'] as const) {
    const member = candidate();
    if (kind === 'append') member.hear('append', append(2, 1, [0, 0]));
    else member.hear('heartbeat', { from: m(2), term: t(1), commit: i(0), readSequence: 0 });
    assert.equal(member.role, 'follower');
    assert.equal(member.leader, 2);
  }
});

test('a candidate ignores a leader of an older term and stays one (Raft §5.2)', () => {
  const member = candidate({ term: 4 });
  member.hear('append', append(2, 4, [0, 0]));
  assert.equal(member.role, 'candidate');
});

test('a candidate that wins no majority within a timeout campaigns again (Raft §5.2)', () => {
  const member = candidate();
  member.persist();
  member.advance(electionMs);
  assert.equal(member.role, 'pre-candidate');
  member.hear('preVoteResponse', { from: m(2), term: t(1), campaignTerm: t(2), granted: true });
  assert.equal(member.term, 2);
});

test('a member votes for at most one candidate in a term, first come first served (Raft §5.2)', () => {
  const member = new Member();
  member.hear('vote', { from: m(2), term: t(1), ...end(0, 0) });
  member.hear('vote', { from: m(3), term: t(1), ...end(9, 1) });
  member.hear('vote', { from: m(2), term: t(1), ...end(0, 0) });
  member.persist();
  assert.deepEqual(
    new Set(member.said('voteResponse').map(({ to, granted }) => `${to} ${granted}`)),
    new Set(['2 true', '3 false']),
  );
});

test('a vote survives a restart: the other candidate of the term is refused (Raft §5.2)', () => {
  const member = new Member();
  member.hear('vote', { from: m(2), term: t(1), ...end(0, 0) });
  member.persist();
  member.restart();
  member.hear('vote', { from: m(3), term: t(1), ...end(0, 0) });
  member.persist();
  assert.deepEqual(
    member.said('voteResponse').map(({ to, granted }) => [to, granted]),
    [[3, false]],
  );
});

test('stepping down keeps the vote of the term: only a larger term clears it (redpanda, PR #14)', () => {
  const member = candidate();
  member.persist();
  member.hear('append', append(2, 1, [0, 0]));
  assert.equal(member.vote, 1);
  member.hear('append', append(2, 2, [0, 0]));
  assert.equal(member.vote, null);
});

test('a member that follows a leader of the term votes for nobody else in it', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0]));
  member.persist();
  member.now += 3 * electionMs;
  member.hear('vote', { from: m(3), term: t(1), ...end(9, 1) });
  assert.deepEqual(
    member.said('voteResponse').map(({ granted }) => granted),
    [false],
  );
});

for (const [log, lastIndex, lastTerm, granted] of [
  [[1, 1], 2, 1, true],
  [[1, 1], 3, 1, true],
  [[1, 1], 1, 1, false],
  [[1, 1], 1, 2, true],
  [[1, 1, 1, 1], 1, 2, true],
  [[1, 2], 2, 1, false],
  [[1, 2], 9, 1, false],
  [[], 0, 0, true],
] as const) {
  const verb = granted ? 'gets' : 'gets no';
  test(`a candidate whose log ends at ${lastIndex} in term ${lastTerm} ${verb} vote of a log of terms [${log.join(' ')}] (Raft §5.4.1)`, () => {
    for (const type of ['vote', 'preVote'] as const) {
      const member = new Member({ log, term: 3 });
      if (type === 'vote') member.hear(type, { from: m(2), term: t(4), ...end(lastIndex, lastTerm) });
      else member.hear(type, { from: m(2), term: t(3), campaignTerm: t(4), ...end(lastIndex, lastTerm) });
      member.persist();
      const answers = [...member.said('voteResponse'), ...member.said('preVoteResponse')];
      assert.deepEqual(
        answers.map((answer) => answer.granted),
        [granted],
      );
    }
  });
}

test('asking whether a campaign could be won begins no term and writes nothing (thesis §9.6)', () => {
  const member = new Member({ term: 3 });
  member.advance(electionMs);
  assert.equal(member.term, 3);
  assert.deepEqual(member.writes, []);
  assert.deepEqual(
    member.said('preVote').map(({ to, term, campaignTerm }) => [to, term, campaignTerm]),
    [
      [2, 3, 4],
      [3, 3, 4],
    ],
  );
});

test('a member that is cut off does not drive terms up, however long (thesis §9.6)', () => {
  const member = new Member({ term: 3 });
  member.advance(100 * electionMs);
  assert.equal(member.term, 3);
});

test('granting a pre-vote changes nothing: not term, vote, timer, nor who else may get it (thesis §9.6, hashicorp/raft #609)', () => {
  const member = new Member({ term: 3 });
  const deadline = member.node.nextDeadline();
  member.now = 500;
  for (const from of [2, 3]) member.hear('preVote', { from: m(from), term: t(3), campaignTerm: t(4), ...end(0, 0) });
  assert.deepEqual(
    member.said('preVoteResponse').map(({ to, granted }) => [to, granted]),
    [
      [2, true],
      [3, true],
    ],
  );
  assert.equal(member.term, 3);
  assert.equal(member.vote, null);
  assert.equal(member.node.nextDeadline(), deadline);
  assert.deepEqual(member.writes, []);
});

test('a pre-vote is granted only to a member whose next term is beyond the own one (thesis §9.6)', () => {
  const member = new Member({ term: 3 });
  member.hear('preVote', { from: m(2), term: t(2), campaignTerm: t(3), ...end(9, 3) });
  const [answer] = member.said('preVoteResponse');
  assert.deepEqual([answer?.granted, answer?.term], [false, 3]);
});

test('a pre-candidate that learns of a higher term adopts it, so that its next campaign can be heard (openraft #1796)', () => {
  const member = new Member({ term: 2 });
  member.campaign();
  member.hear('preVoteResponse', { from: m(2), term: t(7), campaignTerm: t(3), granted: false });
  assert.equal(member.role, 'follower');
  assert.equal(member.term, 7);
});

test('the pre-vote of a member that lags some terms behind counts: it names the campaign, not its own term (thesis §9.6)', () => {
  const cluster = new Cluster([
    { term: 5, log: [1] },
    { term: 3, log: [1] },
    { term: 3, log: [1] },
  ]);
  cluster.isolate(3);
  assert.equal(cluster.elect(1).role, 'leader');
});

test('a late answer to an earlier pre-campaign does not count for this one', () => {
  const member = new Member({ term: 2 });
  member.campaign();
  member.hear('preVoteResponse', { from: m(2), term: t(1), campaignTerm: t(2), granted: true });
  assert.equal(member.role, 'pre-candidate');
});

test('a member that hears a leader answers no request for votes, and keeps its term (thesis §4.2.3)', () => {
  const member = new Member({ term: 1 });
  member.hear('heartbeat', { from: m(2), term: t(1), commit: i(0), readSequence: 0 });
  member.outbox = [];
  member.advance(electionMs - 1);
  member.hear('vote', { from: m(3), term: t(9), ...end(9, 9) });
  member.hear('preVote', { from: m(3), term: t(8), campaignTerm: t(9), ...end(9, 9) });
  assert.equal(member.term, 1);
  assert.deepEqual(member.outbox, []);
});

test('a leader that hears a majority is not voted out by a member that cannot hear it (thesis §4.2.3)', () => {
  const member = new Member();
  member.lead();
  member.hear('vote', { from: m(3), term: t(9), ...end(9, 9) });
  assert.equal(member.role, 'leader');
});

test('a member that has not heard of a leader for an election time votes again (thesis §4.2.3)', () => {
  const member = new Member({ term: 1, random: () => 0.9 });
  member.hear('heartbeat', { from: m(2), term: t(1), commit: i(0), readSequence: 0 });
  member.advance(electionMs);
  assert.equal(member.role, 'follower', 'its own timeout is later');
  member.hear('vote', { from: m(3), term: t(2), ...end(0, 0) });
  assert.equal(member.vote, 3);
});

test('a member with a higher term that was cut off comes back: the leader hears of its term and a new one is elected (etcd #8501)', () => {
  const cluster = new Cluster([{}, {}, { term: 9 }]);
  cluster.isolate(3);
  cluster.elect(1);
  cluster.heal();
  cluster.run(6 * electionMs);
  const leaders = cluster.members.filter((member) => member.role === 'leader');
  assert.equal(leaders.length, 1);
  assert.deepEqual(
    cluster.members.map((member) => member.leader),
    Array.from(cluster.members, () => leaders[0]?.id),
  );
  assert.ok((leaders[0]?.term ?? 0) >= 9);
});

test('a candidate asks for votes only when term, vote and the end of its log are durable (thesis §10.2.1; raft-rs)', () => {
  const member = candidate();
  assert.deepEqual(member.said('vote'), []);
  member.persist();
  assert.equal(member.said('vote').length, 2);
});

test('a candidate counts its own vote only when it is durable (thesis §10.2.1)', () => {
  const member = new Member({ voters: [1, 2, 3, 4, 5] });
  member.campaign();
  for (const from of [2, 3])
    member.hear('preVoteResponse', { from: m(from), term: t(0), campaignTerm: t(1), granted: true });
  for (const from of [2, 3]) member.hear('voteResponse', { from: m(from), term: t(1), granted: true });
  assert.equal(member.role, 'candidate');
  member.persist();
  assert.equal(member.role, 'leader');
});

test('a single member elects itself, but not before its vote is durable', () => {
  const member = new Member({ voters: [1] });
  member.advance(electionMs);
  assert.equal(member.role, 'candidate');
  member.persist();
  assert.equal(member.role, 'leader');
});

test('a campaign that is over asks for nothing: its requests are dropped with it (thesis §10.2.1)', () => {
  const member = candidate();
  member.hear('append', append(2, 1, [0, 0], [1]));
  member.persist();
  assert.deepEqual(member.said('vote'), []);
});

test('grants for a campaign of an earlier life elect nobody: the restarted member is no candidate in that term', () => {
  const member = candidate();
  member.persist();
  member.restart();
  for (const from of [2, 3]) member.hear('voteResponse', { from: m(from), term: t(1), granted: true });
  assert.equal(member.role, 'follower');
});

test('a member whose disk has not taken its last write yet does not campaign (cowsql: StayFollowerIfPersistingEntries)', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1]));
  member.advance(3 * electionMs);
  assert.equal(member.role, 'follower');
  member.persist();
  member.advance(electionMs);
  assert.equal(member.role, 'pre-candidate');
});

test('a member whose disk stalls does not go on naming a leader that it has not heard of for an election timeout', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1]));
  member.read(1);
  member.advance(3 * electionMs);
  assert.equal(member.leader, null);
  assert.deepEqual(
    member.failed.map(({ id, reason }) => [id, reason]),
    [[1, 'leadership-lost']],
  );
});

test('a candidate whose disk is slow stays one until its request can leave', () => {
  const member = candidate();
  member.advance(3 * electionMs);
  assert.equal(member.role, 'candidate');
  assert.equal(member.term, 1);
  member.persist();
  assert.equal(member.said('vote').length, 2);
});

test('a learner neither times out into a campaign nor is talked into one', () => {
  const member = new Member({ voters: [2, 3], learners: [1] });
  member.advance(3 * electionMs);
  member.campaign();
  assert.equal(member.role, 'follower');
  assert.deepEqual(member.outbox, []);
});

test('a restarted member campaigns after an ordinary election timeout (openraft 228077a6)', () => {
  const member = new Member({ term: 3, log: [1, 2, 3], commit: 2 });
  member.now = 10_000;
  member.restart();
  member.advance(electionMs);
  assert.equal(member.role, 'pre-candidate');
});
