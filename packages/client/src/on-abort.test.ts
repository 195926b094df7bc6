import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, until } from '../testing/harness.ts';
import { inspectLock } from './admin.ts';
import { onAbort } from './on-abort.ts';

test('many who wait under one session, or with one signal, are no leak to Node', async (context) => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  context.after(() => process.off('warning', note));
  const harness = await Harness.start(context);
  const { client } = await harness.client();
  const { client: other } = await harness.client();
  const names = Array.from({ length: 15 }, (_, n) => `lock ${n}`);
  const held = await Promise.all(names.map(async (name) => other.lock(name)));
  const session = await client.session();
  const { signal } = new AbortController();
  const waiting = names.map(async (name) => client.lock(name, { session, signal }));
  for (const name of names) await until(async () => (await inspectLock(other, name)).waiting === 1);
  await Promise.all(names.map(async (name) => client.get(name, { signal })));
  await Promise.all(held.map(async (lock) => lock.release()));
  await Promise.all(waiting);
  // Node tells its warnings in a later turn.
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(warnings, []);
});

test('each is called once, in the order in which they came, and not after it was taken back', () => {
  const controller = new AbortController();
  const calls: string[] = [];
  onAbort(controller.signal, () => {
    calls.push('first');
    takeThird();
  });
  const takeSecond = onAbort(controller.signal, () => calls.push('second'));
  const takeThird = onAbort(controller.signal, () => calls.push('third'));
  onAbort(controller.signal, () => calls.push('fourth'));
  takeSecond();
  controller.abort();
  controller.abort();
  assert.deepEqual(calls, ['first', 'fourth']);
});
