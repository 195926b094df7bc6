import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from '../../client/testing/harness.ts';
import { works } from './options.ts';
import { runLoad } from './run-load.ts';

const short = { endpoints: [], seconds: 0.3, warmupSeconds: 0.05, outstanding: 8, connections: 2, keys: 64 } as const;

for (const work of works) {
  test(`${work}: operations are counted, and every acknowledged write is there`, async (context) => {
    const harness = await Harness.start(context);
    const connect = async () => (await harness.client()).client;
    const report = await runLoad({ ...short, work, connect, verify: true });
    assert.ok(report.operations > 0);
    assert.equal(report.errors, 0);
    assert.ok(report.p50Ms > 0 && report.p50Ms <= report.p99Ms && report.p99Ms <= report.maxMs);
    if (work === 'put' || work === 'mixed' || work === 'txn') {
      assert.ok((report.verified?.acknowledged ?? 0) > 0);
      assert.deepEqual(
        { ...report.verified, acknowledged: 0 },
        { acknowledged: 0, missing: 0, repeated: 0, unchecked: 0 },
      );
    } else {
      assert.equal(report.verified, null);
    }
    assert.deepEqual((await (await connect()).list({ prefix: 'load/' })).entries, []);
  });
}
