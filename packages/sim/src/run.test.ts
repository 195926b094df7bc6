import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { simulate } from './run.ts';
import { settingsFor } from './swarm.ts';

const seconds = 10;

function traceOf(seed: number): string {
  return simulate(seed, settingsFor(seed, null, 5_000)).hash;
}

/** The same for everybody who tests the same commit, and others for the next one. */
function seedOfCommit(): number {
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' });
  return Number.parseInt(commit.slice(0, 7), 16);
}

for (const [name, first, count] of [
  ['fixed seeds', 1, 80],
  ['seeds of this commit', seedOfCommit(), 40],
] as const) {
  test(`${name}: every invariant holds under faults, and the cluster heals`, () => {
    for (let seed = first; seed < first + count; seed++) {
      try {
        simulate(seed, settingsFor(seed, null, seconds * 1_000));
      } catch (error) {
        throw new Error(`npm run sim -- --seed ${seed} --seconds ${seconds} --trace`, { cause: error });
      }
    }
  });
}

test('three members under crashes and partitions', () => {
  for (let seed = 1; seed <= 60; seed++) simulate(seed, settingsFor(seed, 3, seconds * 1_000));
});

test('a seed replays: the same trace twice, and another seed another', () => {
  assert.equal(traceOf(12), traceOf(12));
  assert.notEqual(traceOf(12), traceOf(13));
});

test('the faults that the swarm is meant to draw do occur', () => {
  const total = new Map<string, number>();
  for (let seed = 1; seed <= 40; seed++) {
    const report = simulate(seed, settingsFor(seed, null, 5_000));
    const counted = { ...report.faults, ...report.network, ...report.disk, ...report.load };
    for (const [what, count] of Object.entries(counted)) total.set(what, (total.get(what) ?? 0) + count);
  }
  assert.deepEqual(
    [...total].filter(([, count]) => count === 0).map(([what]) => what),
    [],
  );
});
