import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { configurationOf, isJoint, membersOf } from './configuration.ts';
import { changed, left } from './configuration-change.ts';
import type { Configuration, ConfigurationChange, MemberId } from './types.ts';

const ids = (...members: readonly number[]): MemberId[] => members as MemberId[];
const three: Configuration = { ...configurationOf(ids(1, 2, 3)), learners: ids(4, 5) };

function whatIsWrong(change: ConfigurationChange, configuration: Configuration = three): string {
  const result = changed(configuration, change);
  return 'reason' in result ? `${result.reason}: ${result.detail}` : 'nothing';
}

test('a change of voters is joint, also of a single one, and both sets vote (Raft §6)', () => {
  assert.deepEqual(changed(three, { promote: ids(4) }), {
    ...three,
    voters: [1, 2, 3, 4],
    votersOutgoing: [1, 2, 3],
    learners: [5],
  });
  assert.deepEqual(changed(three, { promote: ids(5), remove: ids(1, 4) }), {
    ...three,
    voters: [2, 3, 5],
    votersOutgoing: [1, 2, 3],
    learners: [],
  });
});

test('learners come and go, and settings change, without touching a majority', () => {
  assert.deepEqual(changed(three, { addLearners: ids(9), remove: ids(4) }), { ...three, learners: [5, 9] });
  assert.deepEqual(changed(three, { leaseReads: true }), { ...three, leaseReads: true });
});

test('who is demoted votes until the joint configuration is left, and learns after', () => {
  const joint = changed(three, { demote: ids(2) });
  assert.deepEqual(joint, { ...three, voters: [1, 3], votersOutgoing: [1, 2, 3], learnersNext: [2] });
  assert.deepEqual(left(joint as Configuration), { ...three, voters: [1, 3], learners: [2, 4, 5] });
});

test('a change that contradicts the configuration or itself is refused, and says what is wrong', () => {
  assert.equal(whatIsWrong({}), 'invalid-change: nothing would change');
  assert.equal(whatIsWrong({ leaseReads: false }), 'invalid-change: nothing would change');
  assert.equal(whatIsWrong({ addLearners: ids(2) }), 'invalid-change: member 2 is there already');
  assert.equal(whatIsWrong({ addLearners: ids(4) }), 'invalid-change: member 4 is there already');
  assert.equal(whatIsWrong({ addLearners: ids(0) }), 'invalid-change: 0 is no member id');
  assert.equal(whatIsWrong({ addLearners: ids(2 ** 32) }), 'invalid-change: 4294967296 is no member id');
  assert.equal(whatIsWrong({ promote: ids(7) }), 'learner-required: member 7 is no learner: add it as one first');
  assert.equal(whatIsWrong({ promote: ids(1) }), 'invalid-change: member 1 is a voter already');
  assert.equal(whatIsWrong({ demote: ids(4) }), 'invalid-change: member 4 is no voter');
  assert.equal(whatIsWrong({ remove: ids(8) }), 'invalid-change: there is no member 8');
  assert.equal(whatIsWrong({ promote: ids(4), remove: ids(4) }), 'invalid-change: member 4 is named twice');
  assert.equal(whatIsWrong({ remove: ids(1, 2, 3) }), 'invalid-change: nobody would vote');
  const ten = { ...three, learners: ids(4, 5, 6, 7, 8, 9, 10) };
  assert.match(whatIsWrong({ promote: ten.learners }, ten), /^invalid-change: 10 voters are more than 9/);
  const many = Array.from({ length: 31 }, (_, at) => (at + 20) as MemberId);
  assert.match(whatIsWrong({ addLearners: many }), /^invalid-change: more than 32 learners/);
  const joint = changed(three, { remove: ids(3) }) as Configuration;
  assert.equal(whatIsWrong({ remove: ids(2) }, joint), 'invalid-change: the last change is not finished');
});

test('whatever is asked for, the joint configuration has the old voters on one side and the new ones on the other', () => {
  const some = fc.subarray(ids(1, 2, 3, 4, 5, 6, 7));
  const change = fc.record({ addLearners: some, promote: some, demote: some, remove: some });
  fc.assert(
    fc.property(change, (asked) => {
      const joint = changed(three, asked);
      if ('reason' in joint) return;
      const after = left(joint);
      const expected = [
        ...three.voters.filter((id) => ![...asked.demote, ...asked.remove].includes(id)),
        ...asked.promote,
      ];
      assert.deepEqual(
        after.voters,
        expected.toSorted((a, b) => a - b),
      );
      assert.deepEqual(joint.voters, after.voters);
      if (isJoint(joint)) assert.deepEqual(joint.votersOutgoing, three.voters);
      else assert.deepEqual(after.voters, three.voters);
      assert.deepEqual(after.learnersNext, []);
      assert.ok(asked.remove.every((id) => !membersOf(after).includes(id)));
      assert.equal(membersOf(after).length, after.voters.length + after.learners.length);
    }),
  );
});
