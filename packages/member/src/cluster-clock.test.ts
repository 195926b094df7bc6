import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterClock } from './cluster-clock.ts';

function clockAt(): { readonly clock: ClusterClock; readonly pass: (durationMs: number) => number } {
  let nowMs = 5_000;
  const clock = new ClusterClock({ nowMs: () => nowMs, wallMs: () => 0 });
  return {
    clock,
    pass: (durationMs) => {
      nowMs += durationMs;
      return clock.stamp().clusterTimeMs;
    },
  };
}

test('cluster time goes on from the last command of the leader before, by the own clock', () => {
  const { clock, pass } = clockAt();
  clock.goOnFrom(1_000);
  assert.equal(pass(250), 1_250);
});

test('what was stamped by earlier leaders and applied only now puts it forward, and never back', () => {
  const { clock, pass } = clockAt();
  clock.goOnFrom(1_000);
  pass(100);
  clock.atLeast(3_000);
  assert.equal(pass(10), 3_010);
  clock.atLeast(2_000);
  assert.equal(pass(10), 3_020);
});
