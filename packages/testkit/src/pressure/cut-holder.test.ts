import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Direction } from '../processes/proxy.ts';
import { TestCluster } from '../processes/test-cluster.ts';
import { Contest } from '../workers/contest.ts';

const timeout = 60_000;

let cluster: TestCluster;
before(async () => {
  cluster = await TestCluster.start({ proxied: 'everything' });
});
after(async () => cluster[Symbol.asyncDispose]());

for (const [what, directions] of [
  ['requests do not arrive', ['forward']],
  ['answers do not arrive', ['backward']],
  ['connections are silent', ['forward', 'backward']],
] satisfies [string, Direction[]][]) {
  test(`a holder whose ${what} is told that it has lost before the next one holds, and nothing of it takes effect after that (consul#18271)`, {
    timeout,
  }, async () => {
    await using contest = await Contest.start(cluster, { kind: 'lock', subject: what, ttlMs: 1_500 });
    const first = contest.start('first');
    const old = await first.using();
    const second = contest.start('second');
    await contest.waiting(1);
    contest.cut(first, ...directions);
    assert.ok((await second.using()) > old);
    await first.losing(old);
    contest.heal();
    // What was held back arrives now; and it stands again, behind the one that holds.
    await contest.waiting(1);
    assert.equal(second.holds, true);
    // Nobody was stopped: so whoever lost must have been told in time.
    await contest.judge();
  });
}
