import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocket as NodeWebSocket } from 'ws';
import { until } from '../../testing/harness.ts';
import { TestNetwork } from '../../testing/network.ts';
import { serveCluster } from '../../testing/serve.ts';
import { createClient } from '../create-client.ts';
import { openStandardSocket } from './standard-socket.ts';

test('a socket as browsers have it carries the client, and says why it closes', async (context) => {
  const { cluster, ...served } = await serveCluster();
  context.after(() => served.stop());
  await until(() => cluster.leader !== null);
  const { environment } = new TestNetwork(cluster);
  // The same interface; its types say so less well.
  const Standard = NodeWebSocket as never;
  const client = await createClient(
    { ...environment, openSocket: (url, events) => openStandardSocket(Standard, url, events) },
    { endpoints: cluster.endpoints },
  );
  await client.put('k', 'v');
  assert.equal((await client.get('k'))?.text(), 'v');
  const states: string[] = [];
  client.on('state', (state) => states.push(state));
  for (const id of cluster.ids) if (id !== cluster.leader) await cluster.kill(id);
  await until(() => client.state !== 'ready' || cluster.leader === null);
  await client.close();
  const reasons: string[] = [];
  const closed = { opened: () => {}, received: () => {}, closed: (reason: string) => reasons.push(reason) };
  openStandardSocket(Standard, 'no URL at all', closed);
  await until(() => reasons.length === 1);
});
