import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seedOfCommit } from '../nemesis/seed-of-commit.ts';
import { blowsOf, strikes } from './plan.ts';
import { fleetCommand, fleetText } from './report.ts';
import { runFleet } from './run.ts';

const options = { seed: seedOfCommit(), seconds: 12, workers: 4 };

test(`whoever leads a fleet is paused, killed or cut off, and at no index there are two leaders: ${fleetCommand(options)}`, {
  timeout: 120_000,
}, async () => {
  const report = await runFleet(options);
  console.log(fleetText(report));
  assert.deepEqual(report.failures, []);
  assert.deepEqual(report.late, []);
  assert.ok(report.handOvers.length > 1, 'nobody was struck');
  assert.ok(report.terms > report.handOvers.length, `${report.terms} terms`);
});

test('one seed is one plan, in which every strike has its turn', () => {
  const first = (seed: number): unknown => {
    const blows = blowsOf(seed);
    return Array.from({ length: 2 * strikes.length }, () => blows.next().value);
  };
  assert.deepEqual(first(7), first(7));
  assert.notDeepEqual(first(7), first(8));
  const kinds = new Set((first(7) as { strike: string }[]).slice(0, strikes.length).map(({ strike }) => strike));
  assert.equal(kinds.size, strikes.length);
});
