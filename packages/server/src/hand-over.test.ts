import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Member } from '@conclave/member';
import { handOver } from './hand-over.ts';

function member(
  role: 'leader' | 'follower',
  transfer: () => Promise<void>,
): { asked: number } & Parameters<typeof handOver>[0] {
  const it = {
    asked: 0,
    raft: { role } as Member['raft'],
    transferLeader: async () => {
      it.asked++;
      await transfer();
    },
  };
  return it;
}

test('a transfer that never ends is not waited for longer than was said', { timeout: 10_000 }, async () => {
  const stuck = member('leader', async () => new Promise(() => {}));
  await handOver(stuck, 20);
  assert.equal(stuck.asked, 1);
});

test('a transfer that succeeds or fails is not waited for any longer', { timeout: 10_000 }, async () => {
  await handOver(
    member('leader', async () => {}),
    2 ** 30,
  );
  await handOver(
    member('leader', async () => Promise.reject(new Error('nobody'))),
    2 ** 30,
  );
  const follower = member('follower', async () => new Promise(() => {}));
  await handOver(follower, 2 ** 30);
  assert.equal(follower.asked, 0);
});
