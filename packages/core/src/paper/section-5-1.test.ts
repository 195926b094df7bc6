// Raft §5.1: terms. Which rules stand here and which beside the code they are about: README.md in this folder.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, Cluster, heartbeatMs, Member, messageTo } from '../member.test-driver.ts';
import type { Message } from '../message.ts';
import type { Index, MemberId, Term } from '../types.ts';

const t = (term: number): Term => term as Term;
const i = (index: number): Index => index as Index;
const m = (member: number): MemberId => member as MemberId;

/** One message of each kind, from member 2 to member 1. */
function everyMessage(term: number): Message[] {
  const envelope = { from: m(2), term: t(term) };
  const end = { lastIndex: i(9), lastTerm: t(1) };
  const hint = { rejected: i(0), hintIndex: i(0), hintTerm: t(0) };
  return [
    messageTo(1, 'preVote', { ...envelope, campaignTerm: t(term + 1), ...end }),
    messageTo(1, 'preVoteResponse', { ...envelope, campaignTerm: t(term + 1), granted: false }),
    messageTo(1, 'vote', { ...envelope, ...end }),
    messageTo(1, 'voteResponse', { ...envelope, granted: false }),
    messageTo(1, 'append', append(2, term, [0, 0])),
    messageTo(1, 'appendAccepted', { ...envelope, match: i(0), audience: true }),
    messageTo(1, 'appendRejected', { ...envelope, ...hint }),
    messageTo(1, 'heartbeat', { ...envelope, commit: i(0), readSequence: 0 }),
    messageTo(1, 'heartbeatResponse', { ...envelope, readSequence: 0 }),
    messageTo(1, 'commitNotice', { ...envelope, commit: i(0) }),
    messageTo(1, 'readIndexRequest', { ...envelope, request: 1 }),
    messageTo(1, 'readIndexResponse', { ...envelope, request: 1, index: i(0) }),
    messageTo(1, 'timeoutNow', { ...envelope, lastIndex: 0 as Index }),
  ];
}

function candidate(): Member {
  const member = new Member({ term: 1 });
  member.campaign();
  for (const from of [2, 3])
    if (member.role === 'pre-candidate')
      member.hear('preVoteResponse', { from: m(from), term: t(1), campaignTerm: t(2), granted: true });
  member.persist();
  member.outbox = [];
  return member;
}

test('a follower asks for nothing: as long as its leader is heard it only answers (§5.1)', () => {
  const member = new Member({ term: 1 });
  for (let round = 0; round < 20; round++) {
    member.hear('heartbeat', { from: m(2), term: t(1), commit: i(0), readSequence: round });
    assert.equal(member.said('heartbeatResponse').length, 1);
    member.advance(heartbeatMs);
  }
  assert.deepEqual(member.outbox, []);
});

for (const { type } of everyMessage(5)) {
  // Ours differs: asking whether a campaign could be won says nothing of a term that has begun (docs/consensus.md).
  const learns = type !== 'preVote';
  test(`a ${type} of a later term ${learns ? 'takes' : 'does not take'} the receiver along into it (§5.1)`, () => {
    const member = new Member({ term: 1 });
    const message = everyMessage(5).find((one) => one.type === type);
    assert.ok(message !== undefined);
    member.receive(message);
    assert.equal(member.term, learns ? 5 : 1);
  });

  test(`a ${type} of an earlier term changes nothing (§5.1)`, () => {
    const member = new Member({ term: 7, vote: 3, log: [1, 7] });
    const before = JSON.stringify(member.node.status());
    const message = everyMessage(5).find((one) => one.type === type);
    assert.ok(message !== undefined);
    member.receive(message);
    assert.equal(JSON.stringify(member.node.status()), before);
    assert.deepEqual(member.writes, []);
  });
}

test('a candidate that learns of a later term follows in it at once (§5.1)', () => {
  for (const message of everyMessage(5)) {
    if (message.type === 'preVote') continue;
    const member = candidate();
    assert.equal(member.role, 'candidate');
    member.receive(message);
    assert.deepEqual([member.role, member.term], ['follower', 5], message.type);
  }
});

test('a term never goes back, also not over a restart (§5.1)', () => {
  const member = new Member({ term: 3 });
  let highest = 3;
  for (const term of [2, 5, 4, 5, 9, 1, 8]) {
    for (const message of everyMessage(term)) {
      member.receive(message);
      assert.ok(member.term >= highest, `${message.type} took it from ${highest} to ${member.term}`);
      highest = member.term;
    }
    member.persist();
    member.restart();
    assert.equal(member.term, highest);
  }
});

test('terms are numbered one after another: each election begins the next one (§5.1)', () => {
  const cluster = new Cluster([{}, {}, {}]);
  for (const [at, id] of [1, 2, 3, 1, 2].entries()) {
    if (at === 0) cluster.elect(id);
    else cluster.members.find((member) => member.role === 'leader')?.transfer(at, id);
    cluster.settle();
    assert.deepEqual([cluster.member(id).role, cluster.member(id).term], ['leader', at + 1]);
  }
});
