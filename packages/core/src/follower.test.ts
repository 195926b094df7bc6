import assert from 'node:assert/strict';
import { test } from 'node:test';
import { append, Cluster, heartbeatMs, Member } from './member.test-driver.ts';
import type { Index, MemberId, Term } from './types.ts';

const i = (index: number): Index => index as Index;
const leader = { from: 2 as MemberId };

test('an append is rejected unless the log holds its previous entry, in its term (Raft §5.3)', () => {
  for (const [previous, holds] of [
    [[0, 0], true],
    [[2, 1], true],
    [[3, 2], true],
    [[3, 1], false],
    [[2, 2], false],
    [[4, 2], false],
  ] as const) {
    const member = new Member({ log: [1, 1, 2], term: 3 });
    member.hear('append', append(2, 3, previous));
    member.persist();
    assert.equal(member.said('appendAccepted').length, holds ? 1 : 0, previous.join('/'));
    assert.equal(member.said('appendRejected').length, holds ? 0 : 1, previous.join('/'));
  }
});

// The six logs of figure 7, for a leader of term 8 whose log is 1 1 1 4 4 5 5 6 6 6.
for (const [name, log] of [
  ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
  ['b', [1, 1, 1, 4]],
  ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
  ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
  ['e', [1, 1, 1, 4, 4, 4, 4]],
  ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
] as const) {
  test(`the log of follower (${name}) in figure 7 becomes the leader's, one round trip for each diverging term (Raft §5.3)`, () => {
    const member = new Member({ log, term: 7 });
    const chief = new Member({ id: 2, log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6], term: 7 });
    chief.lead([3]);
    let roundTrips = 0;
    for (let round = 0; round < 20; round++) {
      chief.now += heartbeatMs;
      chief.hear('heartbeatResponse', { from: member.id, term: chief.term as Term, readSequence: 0 });
      for (const message of chief.said('append').filter(({ to }) => to === member.id)) {
        if (member.lastIndex !== 11 || member.log[10] !== 8) roundTrips++;
        member.receive(message);
      }
      member.persist();
      for (const answer of [...member.said('appendRejected'), ...member.said('appendAccepted')]) chief.receive(answer);
    }
    assert.deepEqual(member.log, [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8]);
    assert.ok(roundTrips <= 4, `${roundTrips} round trips`);
  });
}

test('an entry that conflicts is removed, with all that follow it (Raft §5.3)', () => {
  const member = new Member({ log: [1, 1, 2, 2, 2], term: 3 });
  member.hear('append', append(2, 3, [2, 1], [3]));
  assert.deepEqual(member.log, [1, 1, 3]);
  member.persist();
  assert.deepEqual(
    member.disk.entries.map(({ term }) => term),
    [1, 1, 3],
  );
});

test('an append that says nothing new removes nothing, however short it is (async-raft 9540c904)', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1, 1, 1]));
  member.hear('append', append(2, 1, [0, 0], [1]));
  member.hear('append', append(2, 1, [1, 1]));
  assert.deepEqual(member.log, [1, 1, 1]);
});

test('a request that comes twice does no harm and is answered twice (Raft §5.5)', () => {
  const member = new Member();
  for (let time = 0; time < 2; time++) {
    member.hear('append', append(2, 1, [0, 0], [1, 1], 1));
    member.persist();
  }
  assert.deepEqual(member.log, [1, 1]);
  assert.deepEqual(
    member.said('appendAccepted').map(({ match }) => match),
    [2, 2],
  );
  assert.equal(member.committed.length, 1);
});

test('an acknowledgement says whether somebody waits here for what is committed', () => {
  const member = new Member();
  const append1 = append(2, 1, [0, 0], [1]);
  const said = (): boolean[] => {
    member.hear('append', append1);
    member.persist();
    return member.said('appendAccepted').map(({ audience }) => audience);
  };
  assert.deepEqual(said(), [true], 'until the driver says otherwise');
  member.step({ type: 'audience', present: false });
  assert.deepEqual(said(), [false]);
  member.step({ type: 'audience', present: true });
  assert.deepEqual(said(), [true]);
});

test('an acknowledgement covers what the append has shown, not what else is in the log (CCF #6016)', () => {
  const member = new Member({ log: [1, 1, 1, 1], term: 2 });
  member.hear('append', append(2, 2, [1, 1], [1]));
  member.persist();
  assert.deepEqual(
    member.said('appendAccepted').map(({ match }) => match),
    [2],
  );
});

test('a follower commits what the leader has committed, and applies it (Raft §5.3)', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1, 1, 1], 2));
  member.persist();
  assert.deepEqual(
    member.committed.map(({ index }) => index),
    [1, 2],
  );
});

test('a follower commits no further than the append has shown its log to be equal (CRDB #122100)', () => {
  const member = new Member({ log: [1, 1, 2, 2], term: 3 });
  member.hear('append', append(2, 3, [2, 1], [], 4));
  assert.equal(member.commitIndex, 2);
});

test('entries learned to be committed are applied only once they are durable here (etcd #14370)', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1, 1], 2));
  assert.deepEqual(member.committed, []);
  member.persist();
  assert.equal(member.committed.length, 2);
});

test('heartbeats and notices bring the commit index too', () => {
  for (const kind of ['heartbeat', 'commitNotice'] as const) {
    const member = new Member();
    member.hear('append', append(2, 1, [0, 0], [1, 1]));
    member.persist();
    const said = { ...leader, term: 1 as Term, commit: i(2) };
    if (kind === 'heartbeat') member.hear(kind, { ...said, readSequence: 0 });
    else member.hear(kind, said);
    assert.equal(member.committed.length, 2);
  }
});

test('the commit index never goes back, in whatever order messages come', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0], [1, 1], 2));
  member.hear('append', append(2, 1, [0, 0], [1, 1], 1));
  member.hear('heartbeat', { ...leader, term: 1 as Term, commit: i(0), readSequence: 0 });
  assert.equal(member.commitIndex, 2);
});

test('a follower that has lost what it acknowledged stops, when its leader tells it of it (tikv #994)', () => {
  const member = new Member({ log: [1], term: 1 });
  assert.throws(() => member.hear('heartbeat', { ...leader, term: 1 as Term, commit: i(2), readSequence: 0 }), /lost/);
});

test('an append from before the commit index is answered with the commit index', () => {
  const member = new Member({ log: [1, 1, 1], commit: 3, term: 2 });
  member.hear('append', append(2, 2, [1, 1], [1]));
  member.persist();
  assert.deepEqual(
    member.said('appendAccepted').map(({ match }) => match),
    [3],
  );
});

test('a rejection names the last place at which the logs can agree, given the term that the leader has there', () => {
  for (const [log, previous, hint] of [
    [
      [1, 1, 1],
      [9, 4],
      [3, 1],
    ],
    [
      [1, 2, 2, 2, 5, 5],
      [6, 4],
      [4, 2],
    ],
    [
      [3, 3, 3],
      [3, 2],
      [0, 0],
    ],
  ] as const) {
    const member = new Member({ log, term: 6 });
    member.hear('append', append(2, 6, previous));
    member.persist();
    assert.deepEqual(
      member.said('appendRejected').map(({ rejected, hintIndex, hintTerm }) => [rejected, hintIndex, hintTerm]),
      [[previous[0], ...hint]],
    );
  }
});

test('the leader of an older term learns the newer one, from whatever it sends (Raft §5.1; etcd #8501)', () => {
  for (const kind of ['append', 'heartbeat'] as const) {
    const member = new Member({ term: 5 });
    if (kind === 'append') member.hear(kind, append(2, 4, [0, 0], [4]));
    else member.hear(kind, { ...leader, term: 4 as Term, commit: i(0), readSequence: 0 });
    assert.equal(member.lastIndex, 0);
    assert.equal(member.leader, null);
    assert.deepEqual(
      member.said('appendRejected').map(({ to, term }) => [to, term]),
      [[2, 5]],
    );
  }
});

test('a second leader in one term stops the member (Raft, figure 3: election safety)', () => {
  const member = new Member();
  member.hear('append', append(2, 1, [0, 0]));
  assert.throws(() => member.hear('append', append(3, 1, [0, 0])), /both lead term 1/);
});

for (const [bound, options] of [
  ['entries', { maxUnappliedEntries: 3 }],
  ['bytes', { maxUnappliedBytes: 3 * 34 }],
] as const) {
  test(`a follower that has more ${bound} committed than its state machine takes drops what would come on top, until it has`, () => {
    const member = new Member({ stateMachineStalls: true, options });
    member.hear('append', append(2, 1, [0, 0], [1, 1, 1, 1], 4));
    member.persist();
    assert.equal(member.said('appendAccepted').length, 1);
    member.hear('append', append(2, 1, [4, 1], [1], 5));
    member.persist();
    assert.deepEqual([member.lastIndex, member.said('appendAccepted').length], [4, 0]);
    member.hear('append', append(2, 1, [2, 1], [1, 1], 4));
    assert.equal(member.said('appendAccepted')[0]?.match, 4, 'what it has it acknowledges as often as it is asked');
    member.apply(null, i(1));
    member.hear('append', append(2, 1, [4, 1], [1], 5));
    member.persist();
    assert.deepEqual([member.lastIndex, member.said('appendAccepted').at(-1)?.match], [5, 5]);
  });
}

test('what is not committed keeps nothing out: the entry by which a new leader commits it all must get in', () => {
  const member = new Member({ log: [1, 1, 1, 1, 1, 1], options: { maxUnappliedEntries: 3 } });
  member.hear('append', append(2, 2, [6, 1], [2]));
  member.persist();
  assert.equal(member.said('appendAccepted')[0]?.match, 7);
});

test('a leader goes on where a follower stopped that had too much to apply, without being told', () => {
  const cluster = new Cluster([{}, {}, { stateMachineStalls: true, options: { maxUnappliedEntries: 3 } }]);
  const chief = cluster.elect(1);
  const slow = cluster.member(3);
  for (let id = 1; id <= 20; id++) {
    chief.propose(id);
    cluster.settle();
    cluster.run(heartbeatMs);
  }
  assert.equal(chief.commitIndex, 21, 'the others go on');
  assert.ok(slow.lastIndex <= 5, `${slow.lastIndex}`);
  while (slow.lastIndex < 21) {
    slow.apply(null, slow.node.state.log.handedOut);
    cluster.run(2 * heartbeatMs);
  }
});
