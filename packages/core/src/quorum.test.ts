import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { configurationOf, votersOf } from './configuration.ts';
import { reachedByQuorum, tally } from './quorum.ts';
import type { Configuration, MemberId } from './types.ts';

const members = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 7 }) as fc.Arbitrary<MemberId[]>;
const configurations: fc.Arbitrary<Configuration> = fc.record({
  voters: members.filter((voters) => voters.length > 0),
  votersOutgoing: members,
  learners: members,
  learnersNext: fc.constant([]),
  leaseReads: fc.boolean(),
});

/** Everybody's value, 0 for those without one. */
const values = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.integer({ min: 0, max: 20 }));

function isMoreThanHalf(subset: readonly MemberId[], half: readonly MemberId[]): boolean {
  return half.length === 0 || 2 * half.filter((member) => subset.includes(member)).length > half.length;
}

/** Dumb on purpose: looks at every subset of the members. A set is a quorum if it is more than half of each half of the configuration. */
function quorums(configuration: Configuration): MemberId[][] {
  const all = votersOf(configuration);
  const subsets = Array.from({ length: 2 ** all.length }, (_, bits) => all.filter((_member, at) => (bits >> at) & 1));
  return subsets.filter(
    (subset) => isMoreThanHalf(subset, configuration.voters) && isMoreThanHalf(subset, configuration.votersOutgoing),
  );
}

test('what a quorum has reached is the best that every member of some majority has reached (Raft §5.3, §6)', () => {
  fc.assert(
    fc.property(configurations, values, (configuration, reached) => {
      const valueOf = (member: MemberId): number => reached[member] ?? 0;
      const expected = Math.max(...quorums(configuration).map((quorum) => Math.min(...quorum.map(valueOf))));
      assert.equal(reachedByQuorum(configuration, valueOf), expected);
    }),
    { numRuns: 1_000 },
  );
});

test('an election is won when some majority granted, lost when none is left that could, and open in between (Raft §5.2, §6)', () => {
  const votes = fc.dictionary(fc.integer({ min: 1, max: 9 }).map(String), fc.boolean());
  fc.assert(
    fc.property(configurations, votes, (configuration, cast) => {
      const all = quorums(configuration);
      const won = all.some((quorum) => quorum.every((member) => cast[member] === true));
      const possible = all.some((quorum) => quorum.every((member) => cast[member] !== false));
      const answers = new Map(Object.entries(cast).map(([member, vote]) => [Number(member) as MemberId, vote]));
      assert.equal(tally(configuration, answers), won ? 'won' : possible ? 'pending' : 'lost');
    }),
    { numRuns: 1_000 },
  );
});

test('any two quorums of one configuration have a member in common', () => {
  fc.assert(
    fc.property(configurations, (configuration) => {
      const all = quorums(configuration);
      assert.ok(all.every((one) => all.every((other) => one.some((member) => other.includes(member)))));
    }),
    { numRuns: 100 },
  );
});

test('learners are not counted', () => {
  const [one, two, three] = [1 as MemberId, 2 as MemberId, 3 as MemberId];
  const configuration = { ...configurationOf([one]), learners: [two, three] };
  assert.equal(
    reachedByQuorum(configuration, (member) => (member === one ? 5 : 9)),
    5,
  );
  assert.equal(
    tally(
      configuration,
      new Map([
        [two, true],
        [three, true],
      ]),
    ),
    'pending',
  );
});
