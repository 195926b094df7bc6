import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sizeOf } from './log.ts';
import { append, Cluster, entriesOf, heartbeatMs, Member, type Setup, termsOf } from './member.test-driver.ts';
import type { Index, LoadToken, MemberId, Term } from './types.ts';

const i = (index: number): Index => index as Index;
const m = (member: number): MemberId => member as MemberId;

function leaderOf(setup: Setup = {}, granting: readonly number[] = [2]): Member {
  const member = new Member(setup);
  member.lead(granting);
  return member;
}

function accept(member: Member, from: number, match: number): void {
  member.hear('appendAccepted', { from: m(from), term: member.term as Term, match: i(match), audience: true });
}

function reject(member: Member, from: number, rejected: number, hint: readonly [number, number]): void {
  const [hintIndex, hintTerm] = [i(hint[0]), hint[1] as Term];
  const term = member.term as Term;
  member.hear('appendRejected', { from: m(from), term, rejected: i(rejected), hintIndex, hintTerm });
}

function answerHeartbeat(member: Member, from: number): void {
  member.hear('heartbeatResponse', { from: m(from), term: member.term as Term, readSequence: 0 });
}

/** [to, previous index, terms of the entries] of each append that left. */
function appendsOf(member: Member): [number, number, number[]][] {
  return member.said('append').map((message) => [message.to, message.prevIndex, termsOf(message)]);
}

test('a leader opens its term with an entry of its own and sends it to everybody (Raft §8)', () => {
  const member = new Member({ log: [1, 1], term: 1 });
  member.campaign();
  member.hear('preVoteResponse', { from: m(2), term: 1 as Term, campaignTerm: 2 as Term, granted: true });
  member.persist();
  member.hear('voteResponse', { from: m(2), term: 2 as Term, granted: true });
  assert.deepEqual(member.log, [1, 1, 2]);
  assert.deepEqual(appendsOf(member), [
    [2, 2, [2]],
    [3, 2, [2]],
  ]);
});

test('a leader appends what it is asked to, in order, and names index and term (Raft §5.3)', () => {
  const member = leaderOf();
  member.propose(7, 8);
  assert.deepEqual(member.accepted, [
    { id: 7, index: 2, term: 1 },
    { id: 8, index: 3, term: 1 },
  ]);
});

test('a leader never removes or replaces an entry of its own log (Raft, figure 3: leader append-only)', () => {
  const member = leaderOf({ log: [1, 2, 2] });
  member.propose(1);
  for (const from of [2, 3]) reject(member, from, 3, [0, 0]);
  assert.deepEqual(member.log, [1, 2, 2, 3, 3]);
});

test('an entry is committed once a majority holds it, and applied then (Raft §5.3)', () => {
  const member = leaderOf({ voters: [1, 2, 3, 4, 5] }, [2, 3]);
  member.propose(1);
  member.persist();
  accept(member, 2, 2);
  assert.deepEqual(member.committed, []);
  accept(member, 3, 2);
  assert.equal(member.committed.length, 2);
});

test('the leader counts itself only once its own disk holds the entry (thesis §10.2.1)', () => {
  const member = leaderOf();
  accept(member, 2, 1);
  member.propose(1);
  accept(member, 2, 2);
  assert.equal(member.commitIndex, 1);
  member.persist();
  assert.equal(member.commitIndex, 2);
});

test('appends leave before the own disk has them: it works beside replication (thesis §10.2.1)', () => {
  const member = leaderOf();
  accept(member, 2, 1);
  member.propose(1);
  assert.equal(member.writes.length, 1);
  assert.deepEqual(appendsOf(member), [[2, 1, [1]]]);
});

test('the followers alone may commit; the leader applies it when its disk has it too (etcd #14370)', () => {
  const member = leaderOf();
  member.propose(1);
  for (const from of [2, 3]) accept(member, from, 2);
  assert.equal(member.commitIndex, 2);
  assert.deepEqual(
    member.committed.map(({ index }) => index),
    [1],
  );
  member.persist();
  assert.equal(member.committed.length, 2);
});

test('an entry of an earlier term is not committed by counting, but along with one of the own term (Raft §5.4.2, figure 8)', () => {
  const member = leaderOf({ log: [1, 2], term: 3 });
  accept(member, 2, 2);
  assert.equal(member.commitIndex, 0);
  accept(member, 2, 3);
  assert.equal(member.commitIndex, 3);
});

test('a commit commits all that precedes it, entries of earlier leaders included (Raft §5.3)', () => {
  const member = leaderOf({ log: [1, 2, 2] });
  accept(member, 3, 4);
  assert.deepEqual(
    member.committed.map(({ term }) => term),
    [1, 2, 2, 3],
  );
});

test('followers hear of a commit at once, also when no append is due, and once', () => {
  const member = leaderOf();
  accept(member, 2, 1);
  assert.deepEqual(
    member.said('commitNotice').map(({ to, commit }) => [to, commit]),
    [[2, 1]],
  );
  member.step({ type: 'applied', index: i(1) });
  assert.deepEqual(member.said('commitNotice'), []);
});

test('where nobody waits for commits, the next append or heartbeat tells of them', () => {
  const member = leaderOf();
  const acknowledged = (match: number, audience: boolean): void =>
    member.hear('appendAccepted', { from: m(2), term: member.term as Term, match: i(match), audience });
  acknowledged(1, false);
  assert.equal(member.commitIndex, 1);
  assert.deepEqual(member.said('commitNotice'), []);
  member.advance(heartbeatMs);
  assert.deepEqual(
    member.said('heartbeat').map(({ to, commit }) => [to, commit]),
    [
      [2, 1],
      [3, 0],
    ],
  );
  member.propose(1);
  member.persist();
  accept(member, 3, 2);
  assert.equal(member.commitIndex, 2);
  member.said('commitNotice');
  // Its acknowledgement comes after the commit, and says that somebody has begun to wait meanwhile.
  acknowledged(2, true);
  assert.deepEqual(
    member.said('commitNotice').map(({ to, commit }) => [to, commit]),
    [[2, 2]],
  );
});

test('a notice and a heartbeat name no more than the follower is known to hold (etcd: min(match, committed))', () => {
  const member = leaderOf();
  member.propose(1, 2, 3);
  member.persist();
  accept(member, 2, 4);
  accept(member, 3, 1);
  member.said('commitNotice');
  member.advance(heartbeatMs);
  assert.deepEqual(
    member.said('heartbeat').map(({ to, commit }) => [to, commit]),
    [
      [2, 4],
      [3, 1],
    ],
  );
});

test('many proposals leave in one append', () => {
  const member = leaderOf();
  accept(member, 2, 1);
  member.stepAll([1, 2, 3].map((id) => ({ type: 'propose', proposals: [{ id, data: new Uint8Array(1) }] })));
  assert.deepEqual(appendsOf(member), [[2, 1, [1, 1, 1]]]);
});

test('appends are cut at maxAppendBytes, and go on within the window', () => {
  const bytes = sizeOf(entriesOf([1])[0] as never);
  const member = leaderOf({ options: { maxAppendBytes: 2 * bytes, maxInflightAppends: 2 } });
  accept(member, 2, 1);
  member.step({ type: 'propose', proposals: [1, 2, 3, 4, 5].map((id) => ({ id, data: new Uint8Array(2) })) });
  assert.deepEqual(appendsOf(member), [
    [2, 1, [1, 1]],
    [2, 3, [1, 1]],
  ]);
  accept(member, 2, 3);
  assert.deepEqual(appendsOf(member), [[2, 5, [1]]]);
});

test('a rejection moves next back, by a whole diverging term at a time, until the logs agree (Raft §5.3)', () => {
  const member = leaderOf({ log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6], term: 7 });
  reject(member, 3, 10, [10, 3]);
  assert.deepEqual(appendsOf(member), [[3, 3, [4, 4, 5, 5, 6, 6, 6, 8]]]);
});

test('next never falls to what is known to match, whatever a late rejection says (etcd-io/raft #52, #110, #149)', () => {
  const member = leaderOf({ log: [1, 1, 1, 1, 1] });
  accept(member, 3, 4);
  reject(member, 3, 6, [1, 1]);
  assert.equal(member.node.status().peers.find(({ id }) => id === 3)?.next, 5);
});

test('a lost append is noticed by the answer to a heartbeat, the window being full (etcd #14633)', () => {
  const member = leaderOf({ options: { maxInflightAppends: 1 } });
  accept(member, 2, 1);
  member.propose(1);
  member.outbox = [];
  member.advance(heartbeatMs);
  answerHeartbeat(member, 2);
  assert.deepEqual(
    appendsOf(member),
    [[2, 2, []]],
    'an append without entries, which a follower that misses some rejects',
  );
  reject(member, 2, 2, [1, 1]);
  assert.deepEqual(appendsOf(member), [[2, 1, [1]]]);
});

test('a lost probe is sent again after the answer to a heartbeat', () => {
  const member = leaderOf();
  member.advance(heartbeatMs);
  answerHeartbeat(member, 3);
  assert.deepEqual(appendsOf(member), [[3, 0, [1]]]);
});

test('rounds of reads bring answers by the thousand: none of them sends again what has just left', () => {
  const member = leaderOf();
  accept(member, 2, 1);
  member.propose(1);
  member.outbox = [];
  for (let round = 0; round < 100; round++) for (const from of [2, 3]) answerHeartbeat(member, from);
  assert.deepEqual(appendsOf(member), []);
});

test('appends that could not be sent go again at once, from what is known to match, and one only', () => {
  const member = leaderOf();
  accept(member, 2, 1);
  member.propose(1);
  member.propose(2);
  member.outbox = [];
  member.step({ type: 'unreachable', member: m(2) });
  assert.deepEqual(appendsOf(member), [[2, 1, [1, 1]]]);
  member.step({ type: 'unreachable', member: m(2) });
  assert.deepEqual(appendsOf(member), [], 'a link that stays down is not flooded');
});

test('acknowledgements of an earlier term are not counted (scylla #29264)', () => {
  const member = leaderOf();
  member.hear('appendAccepted', { from: m(2), term: 0 as Term, match: i(1), audience: true });
  member.hear('heartbeatResponse', { from: m(3), term: 0 as Term, readSequence: 9 });
  assert.equal(member.commitIndex, 0);
  assert.ok(member.node.status().peers.every(({ match }) => match === 0));
});

test('entries that left memory are loaded for a slow follower, and sent when they come', () => {
  const member = leaderOf({ log: [1, 1, 1, 1], commit: 4, options: { maxLogWindowBytes: 1 } });
  accept(member, 2, 5);
  reject(member, 3, 4, [0, 0]);
  assert.deepEqual(
    member.loads.map(({ from }) => from),
    [1],
  );
  const token = member.loads[0]?.token as LoadToken;
  member.step({ type: 'entriesLoaded', token, entries: entriesOf([1, 1]) });
  assert.deepEqual(appendsOf(member), [[3, 0, [1, 1]]]);
});

test('entries loaded for a peer that has moved on meanwhile are not sent (jraft: version and request number)', () => {
  const member = leaderOf({ log: [1, 1, 1, 1], commit: 4, options: { maxLogWindowBytes: 1 } });
  accept(member, 2, 5);
  reject(member, 3, 4, [0, 0]);
  const token = member.loads[0]?.token as LoadToken;
  accept(member, 3, 3);
  member.said('append');
  member.step({ type: 'entriesLoaded', token, entries: entriesOf([1, 1]) });
  assert.ok(appendsOf(member).every(([, previous]) => previous >= 3));
});

test('entries that could not be loaded are asked for again a heartbeat later, not in a loop', () => {
  const member = leaderOf({ log: [1, 1, 1, 1], commit: 4, options: { maxLogWindowBytes: 1 } });
  accept(member, 2, 5);
  reject(member, 3, 4, [0, 0]);
  for (let attempt = 0; attempt < 10; attempt++)
    member.step({ type: 'entriesLoaded', token: attempt + 1, entries: [] });
  assert.equal(member.loads.length, 1);
  member.advance(heartbeatMs);
  answerHeartbeat(member, 3);
  assert.equal(member.loads.length, 2);
});

test('proposals elsewhere than at the leader are refused, with a hint where it is', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0]));
  member.propose(5);
  assert.deepEqual(member.failed, [{ what: 'proposal', id: 5, reason: 'not-leader', detail: null, leaderHint: 2 }]);
});

test('what is not committed is bounded, and a single proposal above the bound still gets through (etcd #10199)', () => {
  const member = leaderOf({ options: { maxUnappliedBytes: 100 } });
  accept(member, 2, 1);
  member.step({ type: 'propose', proposals: [{ id: 1, data: new Uint8Array(500) }] });
  member.propose(2);
  assert.deepEqual(
    member.failed.map(({ id, reason }) => [id, reason]),
    [[2, 'overloaded']],
  );
  member.persist();
  accept(member, 2, 2);
  member.propose(3);
  assert.equal(member.failed.length, 1);
});

test('a leader whose disk stalls does not fill its memory with what the followers commit', () => {
  const member = leaderOf({ options: { maxUnappliedBytes: 1_000 } });
  for (let id = 1; id <= 100; id++) {
    member.propose(id);
    for (const from of [2, 3]) accept(member, from, member.lastIndex);
  }
  assert.equal(member.commitIndex, member.lastIndex);
  assert.ok(member.lastIndex < 40, `${member.lastIndex} entries`);
  assert.ok(member.failed.every(({ reason }) => reason === 'overloaded'));
});

test('the count of unapplied bytes survives changes of leaders: it is that of the log (etcd #10199)', () => {
  const cluster = new Cluster([{}, {}, {}]);
  cluster.elect(1).propose(1, 2, 3);
  cluster.isolate(1);
  cluster.elect(2).propose(4);
  cluster.settle();
  cluster.heal();
  cluster.run(2_000);
  for (const member of cluster.members) assert.equal(member.node.state.log.unappliedBytes, 0);
});

test('followers that agree on a write agree on the whole log (Raft, figure 3: log matching)', () => {
  const cluster = new Cluster([
    { log: [1, 2, 2], term: 2 },
    { log: [1, 1, 1, 1], term: 2 },
    { log: [1], term: 2 },
  ]);
  cluster.elect(1).propose(1);
  cluster.run(1_000);
  for (const member of cluster.members) assert.deepEqual(member.log, [1, 2, 2, 3, 3]);
});
