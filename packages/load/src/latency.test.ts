import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Latency } from './latency.ts';

test('percentiles are of what was recorded, to three digits', () => {
  const latency = new Latency();
  for (let ms = 1; ms <= 1_000; ms++) latency.record(ms);
  assert.equal(latency.count, 1_000);
  assert.ok(Math.abs(latency.percentileMs(50) - 500) <= 1);
  assert.ok(Math.abs(latency.percentileMs(99) - 990) <= 1);
  assert.ok(Math.abs(latency.maxMs - 1_000) <= 1);
});

test('fractions of a millisecond count', () => {
  const latency = new Latency();
  for (const ms of [0.25, 0.25, 0.75]) latency.record(ms);
  assert.equal(latency.percentileMs(50), 0.25);
  assert.equal(latency.maxMs, 0.75);
});

test('of nothing everything is 0', () => {
  const latency = new Latency();
  assert.equal(latency.percentileMs(99), 0);
  assert.equal(latency.maxMs, 0);
});
