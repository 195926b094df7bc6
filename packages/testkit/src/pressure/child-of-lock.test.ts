// The command behind `conclave lock NAME --`, against real processes: how it ends, and with whom.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runConclave } from '../processes/conclave-program.ts';
import { TestCluster } from '../processes/test-cluster.ts';

const timeout = 60_000;

let cluster: TestCluster;
let endpoints: readonly string[] = [];

before(async () => {
  cluster = await TestCluster.start();
  endpoints = ['--endpoints', cluster.endpoints.join(',')];
});

after(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

test('a command that cannot be started ends it as in a shell: 127 when there is none, 126 when it is no program', {
  timeout,
}, async () => {
  const missing = await runConclave(['lock', 'typo', ...endpoints, '--', 'no-such-command']);
  assert.equal(missing.code, 127, missing.stderr);
  assert.match(missing.stderr, /^conclave lock: no-such-command: there is no such command$/m);
  assert.equal((await runConclave(['lock', 'typo', ...endpoints, '--', '/'])).code, 126);
});
