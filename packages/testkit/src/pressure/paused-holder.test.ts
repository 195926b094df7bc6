import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCluster } from '../processes/test-cluster.ts';
import { Contest } from '../workers/contest.ts';

const timeout = 60_000;

test('a holder that is stopped for longer than its ttl writes nothing when it goes on: the fence turns it away, and the guard', {
  timeout,
}, async () => {
  await using cluster = await TestCluster.start();
  await using contest = await Contest.start(cluster, { kind: 'lock', subject: 'job', ttlMs: 1_500 });
  const first = contest.start('first');
  const old = await first.using();
  const second = contest.start('second');
  await contest.waiting(1);
  {
    using _stopped = first.child.pause();
    assert.ok((await second.using()) > old);
  }
  assert.equal(await first.late(old), 'refused');
  assert.deepEqual(first.lost, [old]);
  // It stands again, behind the one that holds.
  await contest.waiting(1);
  assert.equal(second.holds, true);
  await contest.judge([old]);
});
