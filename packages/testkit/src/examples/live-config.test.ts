import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCluster } from '../processes/test-cluster.ts';
import { printed, program } from './program.ts';

const changeTimeoutMs = 15_000;

test('a service follows its configuration, and keeps the last valid one', async () => {
  await using cluster = await TestCluster.start();
  await using client = await cluster.connect();
  await using service = program('live-config.ts', ['0'], cluster.environment);
  const url = await printed(service, /the limit is at (\S+)/);
  const limit = async (): Promise<unknown> => {
    const { perSecond } = (await (await fetch(url)).json()) as { readonly perSecond: unknown };
    return perSecond;
  };
  assert.equal(await limit(), 10);

  await client.put('config/payments/limits', '{"perSecond":50}');
  await service.line(/^limit 10 → 50 per second/, changeTimeoutMs);
  assert.equal(await limit(), 50);

  const invalid = await client.put('config/payments/limits', '{"perSecond":"many"}');
  await service.line(new RegExp(`^revision ${invalid.revision} is not valid, still 50 per second`), changeTimeoutMs);
  assert.equal(await limit(), 50);

  await cluster.kill(1);
  await client.put('config/payments/limits', '{"perSecond":60}');
  await service.line(/^limit 50 → 60 per second/, changeTimeoutMs);

  service.signal('SIGTERM');
  assert.equal((await service.ended(changeTimeoutMs)).code, 0, service.output());
});
