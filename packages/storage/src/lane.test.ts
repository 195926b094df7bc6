import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lane } from './lane.ts';

function held(): { readonly task: () => Promise<void>; readonly release: () => void } {
  let release = (): void => {};
  const over = new Promise<void>((resolve) => (release = resolve));
  return { task: async () => over, release: () => release() };
}

test('with nobody in front a task begins before run returns', async () => {
  const lane = new Lane();
  const begun: number[] = [];
  for (const at of [1, 2, 3]) {
    const done = lane.run(async () => begun.push(at));
    assert.deepEqual(begun.at(-1), at);
    await done;
  }
});

test('tasks run one after the other, in the order in which they were asked for, also behind one that failed', async () => {
  const lane = new Lane();
  const order: string[] = [];
  const first = held();
  const one = lane.run(async () => {
    order.push('1 begins');
    await first.task();
    order.push('1 ends');
    throw new Error('broken');
  });
  const two = lane.run(async () => order.push('2'));
  const three = lane.run(async () => order.push('3'));
  assert.deepEqual(order, ['1 begins']);
  first.release();
  await assert.rejects(one, /broken/);
  await Promise.all([two, three]);
  assert.deepEqual(order, ['1 begins', '1 ends', '2', '3']);
});

test('idle waits for everything that was asked for, and for nothing when there is nothing', async () => {
  const lane = new Lane();
  await lane.idle();
  const first = held();
  let ended = 0;
  const count = async (): Promise<void> => {
    await first.task();
    ended++;
  };
  const runs = [lane.run(count), lane.run(count)];
  const idle = lane.idle().then(() => assert.equal(ended, 2));
  first.release();
  await Promise.all([...runs, idle]);
});
