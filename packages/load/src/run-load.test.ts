import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '@conclave/client';
import { Harness, until } from '../../client/testing/harness.ts';
import type { TestNetwork } from '../../client/testing/network.ts';
import { type LoadOptions, works } from './options.ts';
import type { LoadReport } from './report.ts';
import { runLoad } from './run-load.ts';

const small = { endpoints: [], warmupSeconds: 0, outstanding: 8, connections: 2, keys: 64 } as const;

/** A run that ends when so many operations were acknowledged in its measured time, however long that takes. */
async function runUntil(operations: number, options: Omit<LoadOptions, 'endpoints'>): Promise<LoadReport> {
  const stopping = new AbortController();
  return runLoad({
    ...small,
    seconds: 600,
    signal: stopping.signal,
    progressMs: 5,
    onProgress: (progress) => {
      if (progress.operations >= operations) stopping.abort();
    },
    ...options,
  });
}

const opener =
  (harness: Harness): (() => Promise<Client>) =>
  async () =>
    (await harness.client()).client;

for (const work of works) {
  test(`${work}: operations are counted, and every acknowledged write is there`, async (context) => {
    const connect = opener(await Harness.start(context));
    const report = await runUntil(50, { work, connect, verify: true });
    assert.ok(report.operations > 0);
    assert.equal(report.errors, 0);
    assert.ok(report.p50Ms > 0 && report.p50Ms <= report.p99Ms && report.p99Ms <= report.maxMs);
    if (work === 'put' || work === 'mixed' || work === 'txn') {
      const { acknowledged = 0, ...others } = report.verified ?? {};
      assert.ok(acknowledged > 0);
      assert.deepEqual(others, { missing: 0, repeated: 0, unchecked: 0 });
    } else {
      assert.equal(report.verified, null);
    }
    assert.deepEqual((await (await connect()).list({ prefix: 'load/' })).entries, []);
  });
}

test('a lock that everybody wants passes from one to the next', async (context) => {
  const connect = opener(await Harness.start(context));
  const report = await runUntil(50, { work: 'lock', lockNames: 1, connect });
  assert.ok(report.operations > 0);
  assert.equal(report.errors, 0);
});

test('a write that is gone when the run is over is found missing', async (context) => {
  const open = opener(await Harness.start(context));
  let opened = 0;
  const connect = async (): Promise<Client> => {
    const client = await open();
    // The connection behind those of the load is the one that verifies.
    if (++opened > small.connections) await client.delete('p/0000007');
    return client;
  };
  const report = await runUntil(50, { work: 'put', prefix: 'p/', keys: 8, connect, verify: true });
  assert.ok((report.verified?.missing ?? 0) > 0);
});

test('when the leader dies under load, the load goes on and nothing acknowledged is missing', async (context) => {
  const harness = await Harness.start(context);
  const networks: TestNetwork[] = [];
  const failovers: Promise<void>[] = [];
  const stopping = new AbortController();
  const killed = harness.cluster.leader as number;
  const failover = async (): Promise<void> => {
    for (const network of networks) await network.kill(killed);
    await until(() => harness.cluster.leader !== null);
  };
  let enough = 50;
  const report = await runLoad({
    ...small,
    work: 'put',
    verify: true,
    // Until the new leader has served for a while, however long that takes.
    seconds: 600,
    connections: 1,
    signal: stopping.signal,
    connect: async () => {
      const { client, network } = await harness.client();
      networks.push(network);
      return client;
    },
    progressMs: 5,
    onProgress: ({ operations, phase }) => {
      if (phase !== 'measure' || operations < enough) return;
      if (failovers.length > 0) return stopping.abort();
      failovers.push(failover());
      // More than was under way when it died.
      enough = operations + 50;
    },
  });
  await Promise.all(failovers);
  assert.notEqual(harness.cluster.leader, killed);
  assert.ok((report.verified?.acknowledged ?? 0) > 0);
  assert.equal(report.verified?.missing, 0);
  assert.equal(report.verified?.repeated, 0);
  assert.ok(report.longestGapMs > 0);
});

test('an operation that fails is counted by its code, and the load goes on', async (context) => {
  const open = opener(await Harness.start(context));
  const other = await open();
  const stopping = new AbortController();
  let enough = Number.POSITIVE_INFINITY;
  const { errors, errorsByCode, operations, unknown } = await runUntil(50, {
    work: 'get',
    prefix: 'p/',
    keys: 8,
    connect: open,
    signal: stopping.signal,
    onMeasuredTime: (edge) => {
      if (edge === 'begin') void other.delete('p/0000007');
    },
    onProgress: (progress) => {
      if (progress.errors > 0) enough = Math.min(enough, progress.operations + 50);
      if (progress.operations >= enough) stopping.abort();
    },
  });
  assert.ok(errors > 0 && operations >= 50);
  assert.deepEqual({ errorsByCode, unknown }, { errorsByCode: { ABSENT: errors }, unknown: 0 });
});

test('large values are tidied up within what one log entry may change', async (context) => {
  const connect = opener(await Harness.start(context));
  await runUntil(30, { work: 'get', connect, keys: 30, valueBytes: 1_000_000 });
  assert.deepEqual((await (await connect()).list({ prefix: 'load/' })).entries, []);
});

test('an open loop of more than the cluster can do says how many operations never began', async (context) => {
  const connect = opener(await Harness.start(context));
  const report = await runUntil(50, { work: 'put', connect, outstanding: 1, connections: 1, rate: 100_000 });
  assert.ok(report.operations > 0);
  assert.ok(report.notStarted > 0);
});

test('a signal ends the run, and what was measured until then is reported', async (context) => {
  const connect = opener(await Harness.start(context));
  const report = await runUntil(50, { work: 'put', connect });
  assert.ok(report.operations >= 50);
});

test('a mistake that no repetition mends ends the run with its error', async (context) => {
  const connect = opener(await Harness.start(context));
  await assert.rejects(runUntil(50, { work: 'put', connect, prefix: 'k'.repeat(5_000) }), {
    code: 'TOO_LARGE',
  });
});
