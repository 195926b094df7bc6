import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationOf } from './configuration.ts';
import { append, electionMs, entriesOf, heartbeatMs, Member, type Setup } from './member.test-driver.ts';
import type { Index, MemberId, SnapshotMeta, Term } from './types.ts';

const i = (index: number): Index => index as Index;
const t = (term: number): Term => term as Term;
const m = (member: number): MemberId => member as MemberId;

function snapshotAt(index: number, term: number, id: string = 'one'): SnapshotMeta {
  const configuration = configurationOf([1, 2, 3, 9] as MemberId[]);
  return { id, position: { index: i(index), term: t(term) }, configuration };
}

function receive(member: Member, snapshot: SnapshotMeta, term: number): void {
  member.step({ type: 'snapshotReceived', snapshot, term: t(term) });
}

/** Leads term 2 with ten entries committed, and all but the last three of them cut away. Member 3 was never heard of. */
function leaderWithoutBeginning(options: Setup['options'] = {}): Member {
  const member = new Member({ log: [1, 1, 1, 1, 1, 1, 1, 1, 1], options: { keptLogEntries: 3, ...options } });
  member.lead();
  member.hear('appendAccepted', { from: m(2), term: t(2), match: i(10), audience: true });
  member.checkpoint(10);
  member.outbox = [];
  return member;
}

function reject(member: Member, from: number, rejected: number, hint: number): void {
  const said = { from: m(from), term: t(2), rejected: i(rejected), hintIndex: i(hint), hintTerm: t(Math.min(hint, 1)) };
  member.hear('appendRejected', said);
}

test('a follower that needs what the log does not hold any more gets a snapshot; the others go on as before (Raft §7)', () => {
  const member = leaderWithoutBeginning();
  assert.deepEqual(member.node.state.log.base, { index: 7, term: 1 });
  reject(member, 3, 9, 0);
  assert.deepEqual(member.snapshotSends, [{ token: 1, member: 3, atLeast: 10 }]);
  member.propose(1);
  assert.deepEqual(
    member.said('append').map(({ to, prevIndex }) => [to, prevIndex]),
    [[2, 10]],
  );
  member.persist();
  member.hear('appendAccepted', { from: m(2), term: t(2), match: i(11), audience: true });
  assert.equal(member.commitIndex, 11);
});

test('behind a snapshot that was sent the log goes on', () => {
  const member = leaderWithoutBeginning();
  reject(member, 3, 9, 0);
  member.propose(1);
  member.said('append');
  member.step({ type: 'snapshotSent', token: 1, index: i(10) });
  assert.deepEqual(
    member.said('append').map(({ to, prevIndex, entries }) => [to, prevIndex, entries.length]),
    [[3, 10, 1]],
  );
});

test('a peer whose word that it has a snapshot was lost is asked, also when there is nothing else to send', () => {
  const member = leaderWithoutBeginning();
  reject(member, 3, 9, 0);
  member.step({ type: 'snapshotSent', token: 1, index: i(10) });
  assert.deepEqual(member.said('append'), []);
  member.advance(heartbeatMs);
  member.hear('heartbeatResponse', { from: m(3), term: t(2), readSequence: 0 });
  assert.deepEqual(
    member.said('append').map(({ to, prevIndex, entries }) => [to, prevIndex, entries.length]),
    [[3, 10, 0]],
  );
});

test('a snapshot that failed, or of which nothing is heard, is sent again when the peer answers (etcd #10225)', () => {
  const member = leaderWithoutBeginning({ snapshotDeadlineMs: 200 });
  reject(member, 3, 9, 0);
  member.step({ type: 'snapshotFailed', token: 1 });
  assert.equal(member.snapshotSends.length, 1, 'not at once: a peer that fails would be sent one after the other');
  const answer = (): void => member.hear('heartbeatResponse', { from: m(3), term: t(2), readSequence: 0 });
  member.advance(heartbeatMs);
  answer();
  assert.deepEqual(
    member.snapshotSends.map(({ token }) => token),
    [1, 2],
  );
  member.step({ type: 'snapshotFailed', token: 1 });
  for (let at = 0; at < 6; at++) {
    member.hear('heartbeatResponse', { from: m(2), term: t(2), readSequence: 0 });
    member.advance(heartbeatMs);
    answer();
  }
  assert.deepEqual(
    member.snapshotSends.map(({ token }) => token),
    [1, 2, 3],
  );
});

test('a snapshot that arrives bit by bit is waited for, however long it takes; one that stands still is not', () => {
  const member = leaderWithoutBeginning({ snapshotDeadlineMs: 1_000 });
  reject(member, 3, 9, 0);
  const pass = (durationMs: number, progresses: boolean): void => {
    for (let passed = 0; passed < durationMs; passed += heartbeatMs) {
      member.advance(heartbeatMs);
      for (const from of [2, 3]) member.hear('heartbeatResponse', { from: m(from), term: t(2), readSequence: 0 });
      if (progresses) member.step({ type: 'snapshotProgress', token: 1 });
    }
  };
  pass(10_000, true);
  assert.deepEqual(
    member.snapshotSends.map(({ token }) => token),
    [1],
  );
  pass(2_000, false);
  assert.deepEqual(
    member.snapshotSends.map(({ token }) => token),
    [1, 2],
  );
});

test('a peer that has from elsewhere what the log continues needs no snapshot any more (etcd: snapshot_succeed_via_app_resp)', () => {
  const member = leaderWithoutBeginning();
  reject(member, 3, 9, 0);
  member.hear('appendAccepted', { from: m(3), term: t(2), match: i(8), audience: true });
  assert.equal(member.node.state.progress.get(m(3))?.state, 'replicate');
  assert.deepEqual(
    member.said('append').map(({ to, prevIndex }) => [to, prevIndex]),
    [[3, 8]],
  );
  member.step({ type: 'snapshotFailed', token: 1 });
  assert.equal(member.node.state.progress.get(m(3))?.state, 'replicate');
});

test('a peer that is not there is not sent a snapshot', () => {
  const member = leaderWithoutBeginning();
  for (let passed = 0; passed <= electionMs; passed += heartbeatMs) {
    member.hear('heartbeatResponse', { from: m(2), term: t(2), readSequence: 0 });
    member.advance(heartbeatMs);
  }
  const progress = member.node.state.progress.get(m(3));
  progress?.probeFrom(i(1));
  member.propose(1);
  assert.deepEqual(member.snapshotSends, []);
});

test('entries that were being read when the log was cut are not sent: nothing before them can be checked', () => {
  const options = { keptLogEntries: 3, keptForPeersBytes: 1, maxLogWindowBytes: 1 };
  const member = new Member({ log: [1, 1, 1, 1, 1, 1, 1, 1, 1], options });
  member.lead();
  member.hear('appendAccepted', { from: m(2), term: t(2), match: i(10), audience: true });
  reject(member, 3, 9, 2);
  const [load] = member.loads;
  assert.equal(load?.from, 3);
  member.outbox = [];
  member.checkpoint(10);
  const token = load?.token ?? 0;
  member.step({ type: 'entriesLoaded', token, entries: entriesOf([1, 1], 3) });
  assert.deepEqual(
    member.said('append').filter(({ to }) => to === 3),
    [],
  );
  assert.equal(member.snapshotSends.length, 1);
});

test('what a snapshot under way will be continued from is kept, within a bound', () => {
  for (const [bound, base] of [
    [1_000_000, 10],
    [1, 14],
  ] as const) {
    const member = leaderWithoutBeginning({ keptLogEntries: 1, keptForPeersBytes: bound });
    assert.equal(member.node.state.log.base.index, 9);
    reject(member, 3, 9, 0);
    member.propose(1, 2, 3, 4, 5);
    member.persist();
    member.hear('appendAccepted', { from: m(2), term: t(2), match: i(15), audience: true });
    member.checkpoint(15);
    assert.equal(member.node.state.log.base.index, base);
  }
});

/** Eight more entries, which member 2 takes, and a checkpoint. Member 3 says whether its state is there, and takes `more` entries. */
function writeMore(member: Member, spareBytes: number, { canLead = true, more = 0 } = {}): void {
  member.propose(1, 2, 3, 4, 5, 6, 7, 8);
  member.persist();
  member.hear('heartbeatResponse', { from: m(3), term: t(2), readSequence: 0, canLead });
  member.hear('appendAccepted', { from: m(2), term: t(2), match: i(member.lastIndex), audience: true });
  const match = i((member.node.state.progress.get(m(3))?.match ?? 0) + more);
  if (more > 0) member.hear('appendAccepted', { from: m(3), term: t(2), match, audience: true });
  member.checkpoint(member.lastIndex, spareBytes);
}

test('what was written during a snapshot is kept until its receiver has it, with its state loaded: or the next one would be due at once', () => {
  const options = { keptLogEntries: 1, keptForPeersBytes: 1, keptForSnapshotsBytes: 1_000_000 };
  const plenty = 1_000_000_000;
  for (const word of ['sent', 'acknowledged first'] as const) {
    const member = leaderWithoutBeginning(options);
    const base = (): number => member.node.state.log.base.index;
    reject(member, 3, 9, 0);
    writeMore(member, plenty);
    assert.equal(base(), 10, 'on its way');
    if (word === 'sent') member.step({ type: 'snapshotSent', token: 1, index: i(10) });
    else member.hear('appendAccepted', { from: m(3), term: t(2), match: i(10), audience: true });
    writeMore(member, plenty, { canLead: false, more: word === 'sent' ? 10 : 0 });
    assert.equal(base(), 10, 'it has the snapshot, and loads it');
    writeMore(member, plenty, { canLead: false, more: member.lastIndex + 8 - 10 });
    const taken = member.lastIndex;
    writeMore(member, plenty, { canLead: false });
    assert.equal(base(), taken, 'it holds all that was there, and takes no more before it has loaded');
    writeMore(member, plenty, { more: 4 });
    assert.equal(base(), taken + 4, 'it catches up');
    writeMore(member, plenty, { more: member.lastIndex + 8 - taken - 4 });
    writeMore(member, plenty);
    assert.equal(base(), member.lastIndex - 1, `${word}: it has caught up, and lags like any other`);
    assert.equal(member.snapshotSends.length, 1);
  }
});

test('for a snapshot no more is kept than the disk has to spare, and nothing for a receiver that stands still', () => {
  const options = {
    keptLogEntries: 1,
    keptForPeersBytes: 1,
    keptForSnapshotsBytes: 1_000_000,
    snapshotDeadlineMs: 500,
  };
  const full = leaderWithoutBeginning(options);
  reject(full, 3, 9, 0);
  writeMore(full, 0);
  assert.equal(full.node.state.log.base.index, 17);
  const still = leaderWithoutBeginning(options);
  reject(still, 3, 9, 0);
  still.step({ type: 'snapshotSent', token: 1, index: i(10) });
  for (let passed = 0; passed <= 500; passed += heartbeatMs) {
    still.advance(heartbeatMs);
    for (const from of [2, 3]) still.hear('heartbeatResponse', { from: m(from), term: t(2), readSequence: 0 });
  }
  writeMore(still, 1_000_000_000);
  assert.equal(still.node.state.log.base.index, 17);
});

test('what a peer that is there will be sent next is kept, within the same bound: or one snapshot would follow the other', () => {
  const member = leaderWithoutBeginning();
  reject(member, 3, 9, 0);
  member.step({ type: 'snapshotSent', token: 1, index: i(10) });
  const more = (): void => {
    member.propose(1, 2, 3, 4, 5, 6, 7, 8);
    member.persist();
    member.hear('appendAccepted', { from: m(2), term: t(2), match: i(member.lastIndex), audience: true });
    member.checkpoint(member.lastIndex);
  };
  more();
  assert.equal(member.node.state.log.base.index, 10, 'it goes on behind its snapshot');
  for (let time = 0; time < electionMs + heartbeatMs; time += heartbeatMs) {
    member.advance(heartbeatMs);
    member.hear('heartbeatResponse', { from: m(2), term: t(2), readSequence: 0 });
  }
  more();
  assert.equal(member.node.state.log.base.index, 23, 'for one that is gone nothing is kept but the tail');
});

test('an installed snapshot replaces the log in one job, is acknowledged when that is durable, and is then restored', () => {
  const member = new Member({ log: [1, 1, 1], term: 1 });
  member.hear('append', append(2, 2, [9, 2]));
  member.persist();
  member.outbox = [];
  const snapshot = snapshotAt(8, 2);
  receive(member, snapshot, 2);
  assert.deepEqual(
    member.writes.map(({ snapshot: held, base, tail, entries }) => [held, base, tail, entries.length]),
    [[snapshot, snapshot.position, 8, 0]],
  );
  assert.deepEqual([member.outbox, member.restored], [[], []]);
  member.persist();
  assert.deepEqual(
    member.said('appendAccepted').map(({ to, match }) => [to, match]),
    [[2, 8]],
  );
  assert.deepEqual(member.restored, [snapshot]);
  assert.deepEqual(member.configuration, snapshot.configuration);
  assert.deepEqual([member.commitIndex, member.lastIndex], [8, 8]);
});

test('entries behind a snapshot are taken before it is durable, and are applied after it', () => {
  const member = new Member();
  member.hear('append', append(2, 2, [9, 2]));
  member.persist();
  receive(member, snapshotAt(8, 2), 2);
  member.hear('append', append(2, 2, [8, 2], [2, 2], 10));
  assert.deepEqual(member.committed, []);
  member.persist(1);
  assert.deepEqual([member.restored.length, member.committed.length], [1, 0]);
  member.persist();
  assert.deepEqual(
    member.committed.map(({ index }) => index),
    [9, 10],
  );
});

test('a crash before a snapshot is durable leaves the old log and the old state; after it the new ones', () => {
  const member = new Member({ log: [1, 1, 1], term: 1 });
  member.hear('append', append(2, 2, [9, 2]));
  member.persist();
  receive(member, snapshotAt(8, 2), 2);
  member.restart();
  assert.deepEqual(member.log, [1, 1, 1]);
  member.hear('append', append(2, 2, [9, 2]));
  receive(member, snapshotAt(8, 2), 2);
  member.persist();
  member.restart();
  assert.deepEqual(member.node.state.log.base, { index: 8, term: 2 });
  assert.deepEqual(member.configuration.voters, [1, 2, 3, 9]);
});

test('an earlier write that ends late vouches for nothing of the log that a snapshot brought', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1, 1, 1, 1]));
  member.hear('append', append(3, 2, [9, 2]));
  receive(member, snapshotAt(2, 2), 2);
  assert.equal(member.writes.length, 3);
  member.persist(2);
  assert.equal(member.node.state.durability.durableIndex, 0);
  member.persist();
  assert.equal(member.node.state.durability.durableIndex, 2);
  assert.deepEqual(member.disk.acknowledged, { term: 2, index: 2 }, 'no more than the log holds now');
  member.restart();
});

test('a snapshot of what is committed here anyway is discarded; one of what the log holds says that it is committed', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1, 1, 1], 1));
  member.persist();
  receive(member, snapshotAt(1, 1, 'old'), 1);
  receive(member, snapshotAt(3, 1, 'known'), 1);
  assert.deepEqual(member.discarded, ['old', 'known']);
  assert.deepEqual([member.log, member.commitIndex], [[1, 1, 1], 3]);
  assert.deepEqual(member.restored, []);
});

test('one snapshot is installed at a time', () => {
  const member = new Member();
  receive(member, snapshotAt(8, 2, 'first'), 2);
  receive(member, snapshotAt(9, 2, 'second'), 2);
  assert.deepEqual(member.discarded, ['second']);
  member.persist();
  receive(member, snapshotAt(12, 2, 'third'), 2);
  member.persist();
  assert.deepEqual(
    member.restored.map(({ id }) => id),
    ['first', 'third'],
  );
});

test('a leader takes no snapshot, and a candidate that takes one is none any more', () => {
  const leader = new Member();
  leader.lead();
  receive(leader, snapshotAt(8, 1), 1);
  assert.deepEqual(leader.discarded, ['one']);
  const candidate = new Member();
  candidate.campaign();
  receive(candidate, snapshotAt(8, 1), 0);
  assert.equal(candidate.role, 'follower');
  assert.equal(candidate.said('vote').length, 0);
});

test('a member that installs a snapshot does not stand for election before it is durable', () => {
  const member = new Member();
  receive(member, snapshotAt(8, 2), 2);
  member.advance(3 * electionMs);
  assert.equal(member.role, 'follower');
  member.persist();
  member.advance(3 * electionMs);
  assert.equal(member.role, 'pre-candidate');
});

test('reports of an older state, which a snapshot has replaced, are no defect', () => {
  const member = new Member();
  member.hear('append', append(2, 2, [0, 0], [1, 1], 2));
  receive(member, snapshotAt(8, 2), 2);
  member.step({ type: 'applied', index: i(1) });
  member.step({ type: 'checkpointed', index: i(1), spareBytes: 0 });
  assert.equal(member.node.configurationAt(i(1)), null);
  member.persist();
  assert.deepEqual(member.node.configurationAt(i(8)), snapshotAt(8, 2).configuration);
});

test('an append that begins before the log does is taken from where it does', () => {
  const member = new Member();
  receive(member, snapshotAt(8, 2), 2);
  member.persist();
  member.hear('append', append(2, 2, [6, 2], [2, 2, 2]));
  assert.equal(member.lastIndex, 9);
  member.persist();
  assert.equal(member.said('appendAccepted').at(-1)?.match, 9);
});

test('a member that has not loaded the state of its snapshot does not stand for election, asked or not, and says that it cannot lead', () => {
  const member = new Member({ stateMachineStalls: true });
  receive(member, snapshotAt(8, 2), 2);
  member.persist();
  assert.deepEqual(member.restored.length, 1);
  member.hear('heartbeat', { from: m(2), term: t(2), commit: i(8), readSequence: 1 });
  assert.deepEqual(
    member.said('heartbeatResponse').map(({ canLead }) => canLead),
    [false],
  );
  member.hear('timeoutNow', { from: m(2), term: t(2), lastIndex: i(8) });
  member.advance(4 * electionMs);
  member.campaign();
  assert.deepEqual([member.role, member.said('preVote').length], ['follower', 0]);
  member.apply('another', null);
  member.campaign();
  assert.equal(member.role, 'follower', 'another snapshot says nothing of this one');
  member.apply('one', null);
  member.hear('heartbeat', { from: m(2), term: t(2), commit: i(8), readSequence: 2 });
  assert.deepEqual(
    member.said('heartbeatResponse').map(({ canLead }) => canLead),
    [true],
  );
  member.advance(4 * electionMs);
  assert.equal(member.role, 'pre-candidate');
});

test('while a snapshot is loaded entries are taken, and acknowledged, only up to the bound; then all of them', () => {
  const member = new Member({ stateMachineStalls: true, options: { maxUnappliedEntries: 3 } });
  receive(member, snapshotAt(8, 2), 2);
  for (let index = 8; index < 20; index++) {
    member.hear('append', append(2, 2, [index, 2], [2], index + 1));
    member.persist();
  }
  assert.equal(member.lastIndex, 12);
  assert.equal(member.said('appendAccepted').at(-1)?.match, 12);
  member.apply('one', i(12));
  member.hear('append', append(2, 2, [12, 2], [2, 2], 14));
  assert.equal(member.lastIndex, 14);
});
