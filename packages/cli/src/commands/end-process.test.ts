import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitCode } from '../exit.ts';
import { endProcess } from './end-process.ts';

const never = new Promise<void>(() => {});

test('a stop that hangs ends the process after its patience, and one that fails at once', async (context) => {
  context.mock.method(console, 'error', () => {});
  // The timer of the product keeps nothing alive; here something must.
  const alive = setInterval(() => {}, 1_000);
  const late = new Promise<number>((resolve) => {
    endProcess(never, resolve, 5);
  });
  assert.equal(await late, exitCode.unavailable);
  const failed = new Promise<number>((resolve) => {
    endProcess(Promise.reject(new Error('disk')), resolve);
  });
  assert.equal(await failed, exitCode.negative);
  clearInterval(alive);
});

test('a stop that comes to its end leaves the exit to the process', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const codes: number[] = [];
  const stopped = Promise.resolve();
  endProcess(stopped, (code) => codes.push(code), 5);
  await stopped;
  context.mock.timers.tick(10);
  assert.deepEqual(codes, []);
});
