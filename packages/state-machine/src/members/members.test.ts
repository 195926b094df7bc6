import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits, type Mutation, type SeedMember } from '@conclave/protocol';
import { Member } from '../../testing/member.ts';

const joinSecretHash = new Uint8Array(32).fill(7);

function founder(member: number): SeedMember {
  return { member, name: `m${member}`, clientUrl: `ws://m${member}:1`, peerUrl: `ws://m${member}:2`, role: 'voter' };
}

function seeded(...ids: readonly number[]): Member {
  const member = new Member();
  member.do({ type: 'memberSeed', members: ids.map(founder) });
  return member;
}

function add(host: string, to: 'voter' | 'learner' = 'voter'): Extract<Mutation, { type: 'memberAdd' }> {
  const addresses = { clientUrl: `ws://${host}:1`, peerUrl: `ws://${host}:2` };
  return { type: 'memberAdd', name: null, ...addresses, joinSecretHash, role: to };
}

function role(member: number, to: 'voter' | 'learner' | 'removed'): Mutation {
  return { type: 'memberRole', member, role: to };
}

function refused(member: Member, operation: Mutation, code: string, message: RegExp): void {
  const { membersChanged, response } = member.do(operation);
  assert.ok(response?.type === 'error', JSON.stringify(response));
  assert.equal(response.code, code);
  assert.match(response.message, message);
  assert.equal(membersChanged, false);
}

test('the id of a removed member is never given again, also after a restart', () => {
  const member = seeded(1, 2, 3);
  assert.deepEqual(member.do(add('d')).response, { type: 'memberAdd', member: 4 });
  assert.deepEqual(member.do(role(4, 'removed')).response, { type: 'memberRole', changed: true });
  member.checkpoint();
  member.restart();
  assert.deepEqual(member.do(add('d')).response, { type: 'memberAdd', member: 5 });
});

test('the addresses of a removed member are free, those of any other are not', () => {
  const member = seeded(1, 2);
  refused(member, add('m2'), 'INVALID_ARGUMENT', /ws:\/\/m2:1 is the address of member 2/);
  const swapped = { clientUrl: 'ws://m2:2', peerUrl: 'ws://m2:1' };
  refused(member, { ...add('x'), ...swapped }, 'INVALID_ARGUMENT', /address of member 2/);
  const update: Mutation = { type: 'memberUpdate', member: 1, name: null, clientUrl: null, peerUrl: 'ws://m2:2' };
  refused(member, update, 'INVALID_ARGUMENT', /address of member 2/);
  member.do(role(2, 'removed'));
  assert.deepEqual(member.do(add('m2')).response, { type: 'memberAdd', member: 3 });
});

test('the last voter is neither removed nor demoted', () => {
  const member = seeded(1, 2);
  member.do(role(2, 'learner'));
  refused(member, role(1, 'removed'), 'INVALID_ARGUMENT', /member 1 is the last voter/);
  refused(member, role(1, 'learner'), 'INVALID_ARGUMENT', /member 1 is the last voter/);
});

test('a member that is not there is told apart from one that was removed', () => {
  const member = seeded(1, 2);
  member.do(role(2, 'removed'));
  refused(member, role(2, 'voter'), 'NOT_FOUND', /member 2 was removed/);
  refused(member, role(9, 'removed'), 'NOT_FOUND', /there is no member 9/);
  assert.deepEqual(member.do(role(2, 'removed')).response, { type: 'memberRole', changed: false });
});

test('there are as many voters and learners as core counts, and not one more', () => {
  const member = seeded(1);
  for (let id = 2; id <= limits.maxVoters; id++) member.do(add(`v${id}`));
  refused(member, add('v0'), 'LIMIT_EXCEEDED', /as many voters/);
  for (let at = 0; at < limits.maxLearners; at++) member.do(add(`l${at}`, 'learner'));
  refused(member, add('l-1', 'learner'), 'LIMIT_EXCEEDED', /as many learners/);
  refused(member, role(limits.maxVoters + 1, 'voter'), 'LIMIT_EXCEEDED', /as many voters/);
});

test('of removed members the last ones are remembered, and the table stays small however many there were', () => {
  const member = seeded(1);
  const removals = limits.maxRemovedMembers + 5;
  for (let id = 2; id < 2 + removals; id++) {
    member.do(add('again'));
    member.do(role(id, 'removed'));
  }
  const ids = member.machine.membership().members.map((one) => one.member);
  assert.equal(ids.length, 1 + limits.maxRemovedMembers);
  assert.deepEqual(ids.slice(0, 2), [1, 2 + 5]);
  assert.deepEqual(member.do(role(2, 'removed')).response, { type: 'memberRole', changed: false });
  member.checkpoint();
  member.restart();
  assert.deepEqual(
    member.machine.membership().members.map((one) => one.member),
    ids,
  );
});

test('only the first seed counts, and nobody is added before it', () => {
  const member = new Member();
  refused(member, add('d'), 'NOT_FOUND', /not on record yet/);
  refused(member, role(1, 'removed'), 'NOT_FOUND', /not on record yet/);
  member.do({ type: 'memberSeed', members: [founder(3), founder(1)] });
  member.do({ type: 'memberSeed', members: [founder(2)] });
  const { members, nextMember } = member.machine.membership();
  assert.deepEqual(
    members.map((one) => one.member),
    [1, 3],
  );
  assert.equal(nextMember, 4);
});

test('a restored backup knows none of the old members', () => {
  const member = seeded(1, 2, 3);
  member.do(role(3, 'removed'));
  member.machine.reincarnate(1, 2);
  member.checkpoint();
  member.restart();
  assert.deepEqual(member.machine.membership(), {
    nextMember: 0,
    changedAt: 0,
    leaseReads: false,
    level: 1,
    members: [],
  });
});
