import assert from 'node:assert/strict';
import { test } from 'node:test';
import { electionMs, heartbeatMs, Member } from './member.test-driver.ts';
import type { Index, MemberId, Term } from './types.ts';

const i = (index: number): Index => index as Index;
const m = (member: number): MemberId => member as MemberId;

/** Leads, and is heard by its followers all the time. */
function pass(member: Member, durationMs: number): void {
  for (let passed = 0; passed < durationMs; passed += heartbeatMs) {
    if (member.role !== 'leader') return;
    for (const from of [2, 3])
      member.hear('heartbeatResponse', { from: m(from), term: member.term as Term, readSequence: 0 });
    member.advance(heartbeatMs);
  }
}

test('a leader whose write is older than an election time stops leading, and names who has most (hashicorp/raft #503, #614)', () => {
  const member = new Member();
  member.lead();
  member.propose(1);
  member.hear('appendAccepted', { from: m(3), term: 1 as Term, match: i(2), audience: true });
  pass(member, electionMs);
  assert.equal(member.role, 'leader');
  member.said('heartbeat');
  pass(member, heartbeatMs);
  assert.equal(member.role, 'follower');
  assert.equal(member.said('heartbeat').length, 0);
  assert.deepEqual(
    member.said('timeoutNow').map(({ to }) => to),
    [3],
  );
  member.advance(5 * electionMs);
  assert.equal(member.role, 'follower', 'nor does it stand while its disk stands still');
  member.persist();
  member.advance(2 * electionMs);
  assert.equal(member.role, 'pre-candidate');
});

test('a disk that is slow but gets on is no reason: only the age of the oldest write counts', () => {
  const member = new Member();
  member.lead();
  for (let id = 1; id <= 20; id++) {
    member.propose(id);
    pass(member, electionMs / 2);
    if (member.writes.length > 1) member.persist(1);
  }
  assert.equal(member.role, 'leader');
  assert.ok(member.node.status().diskBehindMs >= electionMs / 2);
});

test('entries that wait are bounded in number too: beyond it proposals are refused', () => {
  const member = new Member({ options: { maxUnappliedEntries: 3 } });
  member.lead();
  member.hear('appendAccepted', { from: m(2), term: 1 as Term, match: i(1), audience: true });
  member.propose(1, 2, 3, 4);
  assert.deepEqual(
    member.failed.map(({ id, reason }) => [id, reason]),
    [[4, 'overloaded']],
  );
});
