import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Configuration,
  type ConfigurationChange,
  configurationOf,
  type MemberId,
  maxVoters,
} from '@conclave/core';
import { limits } from '@conclave/protocol';
import * as fc from 'fast-check';
import { planChange, type Sight, type Wanted } from './plan.ts';

const ids = Array.from({ length: 12 }, (_, at) => (at + 1) as MemberId);

function members(...of: readonly number[]): MemberId[] {
  return of as MemberId[];
}

function wanted(voters: readonly number[], learners: readonly number[] = []): Wanted {
  const roles = new Map([
    ...members(...voters).map((id) => [id, 'voter'] as const),
    ...members(...learners).map((id) => [id, 'learner'] as const),
  ]);
  return { roles, leaseReads: false };
}

function sees(reachable: readonly number[], caughtUp: readonly number[] = []): Sight {
  return { reachable: new Set(members(...reachable)), caughtUp: new Set(members(...caughtUp)) };
}

/** Both halves of a joint change at once. */
function after({ learners, voters }: Configuration, change: ConfigurationChange): Configuration {
  const { addLearners = [], demote = [], leaseReads = false, promote = [], remove = [] } = change;
  const moved = new Set([...promote, ...remove]);
  const gone = new Set([...demote, ...remove]);
  return {
    voters: [...voters.filter((id) => !gone.has(id)), ...promote],
    votersOutgoing: [],
    learners: [...learners.filter((id) => !moved.has(id)), ...addLearners, ...demote],
    learnersNext: [],
    leaseReads,
  };
}

test('the protocol lets in as many members as core counts', () => {
  assert.equal(limits.maxVoters, maxVoters);
});

test('a new voter comes in as a learner, and is promoted when it has caught up, together with whoever goes', () => {
  const three = configurationOf(members(1, 2, 3));
  const first = planChange(three, wanted([1, 2, 3, 4]), sees([1, 2, 3]));
  assert.deepEqual(first.change?.addLearners, [4]);
  assert.match(first.waitsFor ?? '', /4 must come in/);
  const learning = { ...three, learners: members(4) };
  assert.equal(planChange(learning, wanted([1, 2, 3, 4]), sees([1, 2, 3])).change, null);
  const { change } = planChange(learning, wanted([2, 3, 4]), sees([1, 2, 3, 4], [4]));
  assert.deepEqual([change?.promote, change?.remove], [[4], [1]]);
});

test('a voter is not taken away while those who stay could not agree: the one that is dead goes first', () => {
  const three = configurationOf(members(1, 2, 3));
  const live = planChange(three, wanted([1, 3]), sees([1, 2]));
  assert.equal(live.change, null);
  assert.match(live.waitsFor ?? '', /without 2/);
  assert.deepEqual(planChange(three, wanted([1, 2]), sees([1, 2])).change?.remove, [3]);
  assert.deepEqual(planChange(three, wanted([1]), sees([1, 2])).change?.remove, [2, 3]);
  const five = configurationOf(members(1, 2, 3, 4, 5));
  // Without 2 and 5 there would be one of three; without 5 there are three of four.
  const some = planChange(five, wanted([1, 3, 4]), sees([1, 2, 4]));
  assert.deepEqual(some.change?.remove, [2, 5]);
  const fewer = planChange(five, wanted([1, 3, 4]), sees([1, 2, 3]));
  assert.deepEqual(fewer.change?.remove, [2, 5]);
  const dead = planChange(five, wanted([1, 3, 4, 5]), sees([1, 2]));
  assert.equal(dead.change, null);
});

test('whoever is to replace all voters is waited for', () => {
  const learning = { ...configurationOf(members(1)), learners: members(2) };
  const { change, waitsFor } = planChange(learning, wanted([2]), sees([1]));
  assert.equal(change, null);
  assert.match(waitsFor ?? '', /without 1/);
});

const subset = fc.subarray(ids);

test('whatever is wanted and seen, no step leaves voters that cannot agree; and when all are there, the steps end in what is wanted', () => {
  fc.assert(
    fc.property(
      fc.subarray(ids, { minLength: 1, maxLength: maxVoters }),
      subset,
      fc.subarray(ids, { minLength: 1, maxLength: maxVoters }),
      subset,
      subset,
      subset,
      fc.boolean(),
      (voters, learners, wantedVoters, wantedLearners, there, caughtUp, leaseReads) => {
        const begin = { ...configurationOf(voters), learners: learners.filter((id) => !voters.includes(id)) };
        const roles = new Map([
          ...wantedLearners.map((id) => [id, 'learner'] as const),
          ...wantedVoters.map((id) => [id, 'voter'] as const),
        ]);
        const leader = voters[0] ?? ids[0];
        const { change } = planChange(begin, { roles, leaseReads }, sees([leader ?? 1, ...there], caughtUp));
        if (change !== null) {
          const next = after(begin, change);
          const votersChange = (change.promote?.length ?? 0) > 0 || next.voters.length < begin.voters.length;
          const seen = next.voters.filter((id) => id === leader || there.includes(id));
          if (votersChange) assert.ok(seen.length * 2 > next.voters.length, JSON.stringify(change));
          assert.ok((change.promote ?? []).every((id) => caughtUp.includes(id)));
        }
        let configuration: Configuration = begin;
        for (let step = 0; step < 4; step++) {
          const plan = planChange(configuration, { roles, leaseReads }, sees(ids, configuration.learners));
          if (plan.change === null) break;
          configuration = after(configuration, plan.change);
        }
        const found = [configuration.voters, configuration.learners].map((list) => list.toSorted((a, b) => a - b));
        const isVoter = (id: MemberId): boolean => roles.get(id) === 'voter';
        const all = [...roles.keys()].toSorted((a, b) => a - b);
        assert.deepEqual(found, [all.filter(isVoter), all.filter((id) => !isVoter(id))]);
        assert.equal(configuration.leaseReads, leaseReads);
      },
    ),
    { numRuns: 2_000 },
  );
});
