import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, Cluster, electionMs, Member, messageTo } from './member.test-driver.ts';
import type { Message } from './message.ts';
import { RaftNode } from './node.ts';
import { defaultOptions } from './options.ts';
import type { BootState, Index, MemberId, Term } from './types.ts';

const from = 2 as MemberId;
const i = (index: number): Index => index as Index;
const t = (term: number): Term => term as Term;

/** One message of each type, of term `term`. */
function everyMessage(term: Term): Message[] {
  const said = { from, term };
  return [
    messageTo(1, 'preVote', { ...said, campaignTerm: t(term + 1), lastIndex: i(9), lastTerm: term }),
    messageTo(1, 'preVoteResponse', { ...said, campaignTerm: t(term + 1), granted: false }),
    messageTo(1, 'vote', { ...said, lastIndex: i(9), lastTerm: term }),
    messageTo(1, 'voteResponse', { ...said, granted: true }),
    messageTo(1, 'append', append(2, term, [0, 0], [term], 1)),
    messageTo(1, 'appendAccepted', { ...said, match: i(1), audience: true }),
    messageTo(1, 'appendRejected', { ...said, rejected: i(1), hintIndex: i(0), hintTerm: t(0) }),
    messageTo(1, 'heartbeat', { ...said, commit: i(0), readSequence: 9 }),
    messageTo(1, 'heartbeatResponse', { ...said, readSequence: 9 }),
    messageTo(1, 'commitNotice', { ...said, commit: i(0) }),
    messageTo(1, 'readIndexRequest', { ...said, request: 1 }),
    messageTo(1, 'readIndexResponse', { ...said, request: 1, index: i(0) }),
  ];
}

for (const role of ['follower', 'candidate', 'leader'] as const) {
  const memberAs = (): Member => {
    const member = new Member({ term: 3, log: [1] });
    if (role === 'leader') member.lead([3]);
    if (role === 'candidate') {
      member.campaign();
      member.hear('preVoteResponse', { from: 3 as MemberId, term: t(3), campaignTerm: t(4), granted: true });
      member.persist();
    }
    member.outbox = [];
    assert.equal(member.role, role);
    return member;
  };

  for (const { type } of everyMessage(t(0))) {
    // Asking is no claim to lead: who asks may be alone in its term. A vote counts only for those who hear no leader.
    const bindsNobody = type === 'preVote' || (type === 'vote' && role === 'leader');

    test(`${role}: a ${type} of a later term ${bindsNobody ? 'changes nothing' : 'is followed into that term'} (Raft §5.1)`, () => {
      const member = memberAs();
      const before = member.term;
      member.receive(everyMessage(t(9)).find((message) => message.type === type) as Message);
      assert.equal(member.term, bindsNobody ? before : 9);
      assert.equal(member.role, bindsNobody ? role : 'follower');
    });

    test(`${role}: a ${type} of an earlier term changes nothing, and raises no one's hopes (Raft §5.1)`, () => {
      const member = memberAs();
      const before = { ...member.node.status(), log: member.log };
      member.receive(everyMessage(t(2)).find((message) => message.type === type) as Message);
      assert.deepEqual({ ...member.node.status(), log: member.log }, before);
      for (const answer of member.outbox) {
        assert.equal(answer.term, member.term);
        assert.ok(!('granted' in answer && answer.granted) && answer.type !== 'appendAccepted');
      }
    });
  }
}

test('a term that was learned is written before anything is said in it (Raft, figure 2)', () => {
  const member = new Member({ term: 1 });
  member.hear('heartbeat', { from, term: t(4), commit: i(0), readSequence: 0 });
  assert.equal(member.writes[0]?.hardState.term, 4);
});

test('a commit index alone is no reason to write: it rides along with the next write (CRDB #28918)', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1]));
  member.persist();
  member.hear('heartbeat', { from, term: t(1), commit: i(1), readSequence: 0 });
  assert.equal(member.writes.length, 0);
  member.hear('append', append(2, 1, [1, 1], [1]));
  assert.equal(member.writes[0]?.hardState.commit, 1);
});

test('a single member commits alone, once its disk has the entry, and again after a restart', () => {
  const member = new Member({ voters: [1] });
  member.lead([]);
  member.propose(1);
  assert.equal(member.committed.length, 1);
  member.persist();
  assert.equal(member.committed.length, 2);
  member.restart();
  member.committed.length = 0;
  member.lead([]);
  assert.deepEqual(
    member.committed.map(({ term }) => term),
    [1, 1, 2],
  );
});

test('all members crash at once: what was acknowledged is there when they come back', () => {
  const cluster = new Cluster([{}, {}, {}]);
  const leader = cluster.elect(1);
  leader.propose(1, 2);
  cluster.settle();
  assert.equal(leader.committed.length, 3);
  for (const member of cluster.members) {
    member.restart();
    member.committed.length = 0;
  }
  cluster.run(4 * electionMs);
  for (const member of cluster.members) assert.deepEqual(member.log.slice(0, 3), [1, 1, 1]);
  for (const member of cluster.members) assert.ok(member.committed.length >= 4);
});

test('a disk that has less than what was promised is refused at start', () => {
  const good: BootState = {
    hardState: { term: t(3), vote: null, commit: i(0) },
    acknowledged: { term: t(3), index: i(2) },
    base: { index: i(0), term: t(0) },
    configuration: { voters: [1 as MemberId], votersOutgoing: [], learners: [], learnersNext: [], leaseReads: false },
    terms: [{ term: t(3), first: i(1) }],
    tail: i(2),
    entries: [],
    applied: i(2),
  };
  const start = (boot: Partial<BootState>): RaftNode =>
    new RaftNode({ ...defaultOptions, id: 1 as MemberId }, { ...good, ...boot }, { next: () => 0 }, 0);
  assert.doesNotThrow(() => start({}));
  assert.throws(() => start({ acknowledged: { term: t(3), index: i(3) } }), /the log ends at 2/);
  assert.throws(() => start({ acknowledged: { term: t(4), index: i(2) } }), /the term is 3/);
  assert.throws(() => start({ hardState: { ...good.hardState, term: t(2) } }), /the term is 2/);
});

function startWith(options: object): RaftNode {
  return new RaftNode({ ...defaultOptions, id: 1 as MemberId, ...options }, {} as BootState, { next: () => 0 }, 0);
}

test('options that could not work are refused, by name', () => {
  assert.throws(() => startWith({ id: 0 }), /member id 0/);
  assert.throws(() => startWith({ heartbeatMs: 0 }), /heartbeatMs/);
  assert.throws(() => startWith({ maxReadRounds: Number.NaN }), /maxReadRounds/);
  assert.throws(() => startWith({ heartbeatMs: 400 }), /electionMs 1000 is less than 3 times heartbeatMs 400/);
});

test('time that goes back stops the member', () => {
  const member = new Member();
  member.now = 10;
  member.step({ type: 'tick' });
  member.now = 5;
  assert.throws(() => member.step({ type: 'tick' }), /time went back/);
});

test('after an assertion failed, nothing comes out of a member any more', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0]));
  assert.throws(() => member.hear('append', append(3, 1, [0, 0])), { name: 'RaftAssertionError' });
  assert.throws(() => member.node.takeOutput(), { name: 'RaftAssertionError' });
});

test('a tick that comes too early does nothing', () => {
  const member = new Member();
  member.now = electionMs / 2;
  member.step({ type: 'tick' });
  assert.deepEqual([member.role, member.outbox.length], ['follower', 0]);
});

test('what changed of leadership is told once', () => {
  const member = new Member({ voters: [1] });
  member.node.step({ type: 'campaign' }, 0);
  assert.equal(member.node.takeOutput().leadership?.role, 'candidate');
  assert.equal(member.node.takeOutput().leadership, null);
});
