import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { listen } from './client-listener.ts';
import { refuse } from './refuse.ts';

/** Two ends of a connection, each of which stays open until it is closed itself. */
async function pair(context: TestContext): Promise<{ readonly member: Socket; readonly client: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  const port = await listen(server, '127.0.0.1', 0);
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => {});
  const [member] = (await once(server, 'connection')) as [Socket];
  context.after(() => {
    client.destroy();
    member.destroy();
    server.close();
  });
  return { member, client };
}

test('who is refused gets the answer, and is let go without having closed its side', {
  timeout: 10_000,
}, async (context) => {
  const { member, client } = await pair(context);
  let waited = false;
  member.once('timeout', () => {
    waited = true;
  });
  refuse(member, 403, 'no');
  await once(member, 'close');
  assert.equal(waited, false);
  assert.match(await text(client), /^HTTP\/1\.1 403 Forbidden\r\n[^]*\r\n\r\nno\n$/);
});

test('who takes nothing is let go without having taken the answer', { timeout: 10_000 }, async (context) => {
  const { member, client } = await pair(context);
  client.pause();
  member.write(Buffer.alloc(33_554_432));
  refuse(member, 403, 'no');
  await once(member, 'close');
  assert.equal(member.writableFinished, false, 'the answer has not left');
});
