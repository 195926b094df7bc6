import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, Cluster, electionMs, heartbeatMs, Member, type Setup } from './member.test-driver.ts';
import type { Index, MemberId, Term } from './types.ts';

const m = (member: number): MemberId => member as MemberId;

function leaderOf(setup: Setup = {}): Member {
  const member = new Member(setup);
  member.lead();
  return member;
}

function answerHeartbeat(member: Member, from: number, readSequence: number = 0): void {
  member.hear('heartbeatResponse', { from: m(from), term: member.term as Term, readSequence });
}

test('a leader sends heartbeats to all while nothing else happens (Raft §5.2)', () => {
  const member = leaderOf();
  member.advance(3 * heartbeatMs);
  assert.deepEqual(
    member.said('heartbeat').map(({ to }) => to),
    [2, 3, 2, 3, 2, 3],
  );
});

test('a leader that hears of no majority for an election time steps down (CheckQuorum, thesis §6.2)', () => {
  const member = leaderOf();
  member.advance(electionMs);
  assert.equal(member.role, 'leader');
  member.advance(heartbeatMs);
  assert.equal(member.role, 'follower');
  assert.equal(member.leader, null);
});

test('a leader goes on as long as a majority answers anything: heartbeats, appends, or with a rejection (thesis §6.2)', () => {
  const member = leaderOf({ options: { maxAppendBytes: 1 } });
  const term = member.term as Term;
  const answers = [
    (): void => answerHeartbeat(member, 2),
    (): void => member.hear('appendAccepted', { from: m(2), term, match: 1 as Index, audience: true }),
    (): void =>
      member.hear('appendRejected', {
        from: m(3),
        term,
        rejected: 9 as Index,
        hintIndex: 0 as Index,
        hintTerm: 0 as Term,
      }),
  ];
  for (const answer of [...answers, ...answers]) {
    member.advance(electionMs - heartbeatMs);
    answer();
  }
  assert.equal(member.role, 'leader');
});

test('of five, a leader heard by one other steps down: it pins him otherwise (openraft #2080; Cloudflare 2020-11-02)', () => {
  const cluster = new Cluster([{}, {}, {}, {}, {}]);
  cluster.elect(1);
  for (const other of [3, 4, 5]) {
    cluster.cut(1, other);
    cluster.cut(other, 1);
  }
  // Member 5 is down, so that 2, whom the old leader still reaches, is needed for a majority.
  cluster.isolate(5);
  cluster.run(8 * electionMs);
  const leaders = cluster.members.filter(({ role }) => role === 'leader');
  assert.equal(leaders.length, 1);
  assert.ok([2, 3, 4].includes(leaders[0]?.id ?? 0));
});

test('a leader that is heard by all and hears nobody gives way (thesis §6.2)', () => {
  const cluster = new Cluster([{}, {}, {}]);
  cluster.elect(1);
  for (const other of [2, 3]) cluster.cut(other, 1);
  cluster.run(5 * electionMs);
  assert.ok([2, 3].includes(cluster.members.find(({ role }) => role === 'leader')?.id ?? 0));
});

test('rounds of reads do not put off the look at the quorum (thesis §6.2)', () => {
  const member = leaderOf();
  member.hear('appendAccepted', { from: m(2), term: 1 as Term, match: 1 as Index, audience: true });
  for (let time = 0, id = 1; time < electionMs + heartbeatMs; time += heartbeatMs - 1) {
    member.read(id++);
    member.advance(heartbeatMs - 1);
  }
  assert.equal(member.role, 'follower');
});

test('a single member needs nobody to go on leading', () => {
  const member = new Member({ voters: [1] });
  member.lead([]);
  member.advance(20 * electionMs);
  assert.equal(member.role, 'leader');
});

test('a leader that steps down fails the reads that wait, and keeps its log', () => {
  const member = leaderOf();
  member.propose(1);
  member.read(2);
  member.advance(electionMs + heartbeatMs);
  assert.deepEqual(
    member.failed.map(({ what, id, reason }) => [what, id, reason]),
    [['read', 2, 'leadership-lost']],
  );
  assert.equal(member.lastIndex, 2);
});

test('a leader with an older term that hears of a newer one steps down at once (Raft §5.1)', () => {
  const member = leaderOf();
  member.hear('append', append(3, 2, [0, 0], [2]));
  assert.equal(member.role, 'follower');
  assert.equal(member.leader, 3);
  assert.deepEqual(member.log, [2]);
});
