import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCluster } from '../processes/test-cluster.ts';
import { program } from './program.ts';

const ttlMs = '1000';

test("a stopped holder's late write is let through without the fence, and refused with it", {
  timeout: 120_000,
}, async () => {
  await using cluster = await TestCluster.start();
  await using demo = program('fencing-demo.ts', [ttlMs], cluster.environment);
  assert.equal((await demo.ended(60_000)).code, 0, demo.output());
  const lines = demo.lines.map(({ text }) => text.replace(/fence \d+/, 'fence N'));
  const until = (verdict: string): string[] => [
    'ada holds the lock, with fence N',
    'ada is stopped before she writes (SIGSTOP); the ttl of her lock is 1000 ms',
    'bob holds the lock, with fence N',
    'bob writes under fence N: let through',
    'ada is woken (SIGCONT), and does not know that time has passed',
    `ada writes under fence N: ${verdict}`,
  ];
  assert.deepEqual(lines, [
    '— Without the fence —',
    ...until('let through'),
    'the store holds what ada wrote: what bob wrote under the lock is lost',
    '',
    '— With the fence —',
    ...until('refused'),
    "the store holds what bob wrote: ada's late write changed nothing",
    '',
  ]);
});
