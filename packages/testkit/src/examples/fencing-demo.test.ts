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
  const lines = demo.lines.map(({ text }) => text.replace(/\d+$/, 'N'));
  const until = (verdict: string): string[] => [
    'ada holds the lock, with fence N',
    'ada is stopped before she writes (SIGSTOP)',
    'bob holds the lock, with fence N',
    'bob has written: let through',
    'ada is woken (SIGCONT)',
    `ada has written: ${verdict}`,
  ];
  assert.deepEqual(lines, [
    '— Without the fence —',
    ...until('let through'),
    'the store holds what ada wrote',
    '',
    '— With the fence —',
    ...until('refused'),
    'the store holds what bob wrote',
    '',
  ]);
});
