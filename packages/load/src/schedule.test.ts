import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClosedLoop, OpenLoop } from './schedule.ts';

const never = (): boolean => false;

test('an open loop that fell behind counts from when operations should have begun', async () => {
  const startMs = performance.now() - 10_000;
  const loop = new OpenLoop(10, startMs, startMs + 60_000, never);
  // Ten seconds late, and still one by one at their own times: not from now.
  for (let n = 0; n < 5; n++) assert.equal(await loop.next(), startMs + n * 100);
});

test('an open loop that is in time waits, and counts from the time it waited for', async () => {
  const startMs = performance.now() + 5;
  const loop = new OpenLoop(200, startMs, startMs + 1_000, never);
  assert.equal(await loop.next(), startMs);
  assert.equal(await loop.next(), startMs + 5);
  // A timer may fire within the millisecond before.
  assert.ok(performance.now() >= startMs + 4);
});

test('an open loop ends at its end, and tells how many operations never began', async () => {
  const startMs = performance.now() - 1_000;
  const loop = new OpenLoop(10, startMs, startMs + 500, never);
  for (let n = 0; n < 3; n++) await loop.next();
  assert.equal(loop.notStarted(startMs + 1_000), 2);
  assert.equal(loop.notStarted(startMs + 300), 0);
  await loop.next();
  await loop.next();
  assert.equal(await loop.next(), null);
});

test('a loop that is over begins nothing', async () => {
  const startMs = performance.now();
  assert.equal(await new OpenLoop(10, startMs, startMs + 500, () => true).next(), null);
  assert.equal(new ClosedLoop(() => true).next(), null);
});
