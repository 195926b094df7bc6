import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startMember } from './start-member.ts';

/** A WebSocket that takes what it is sent and answers nothing, not even a close. */
async function deaf(port: number, subprotocol: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  const key = Buffer.alloc(16).toString('base64');
  socket.write(
    [
      'GET /bulk HTTP/1.1',
      `Host: 127.0.0.1:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      `Sec-WebSocket-Key: ${key}`,
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Protocol: ${subprotocol}`,
      '\r\n',
    ].join('\r\n'),
  );
  socket.on('error', () => {});
  const [answer] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [Buffer | boolean];
  if (typeof answer === 'boolean') return socket;
  assert.match(answer.toString('latin1'), /^HTTP\/1\.1 101 /);
  return socket;
}

for (const [who, subprotocol] of [
  ['a client', 'conclave.v1'],
  ['a peer', 'conclave-peer.v1'],
] as const) {
  test(`${who} that connects while a member stops does not keep it from stopping`, {
    timeout: 20_000,
  }, async (context) => {
    const directory = await mkdtemp(join(tmpdir(), 'conclave-closing-'));
    context.after(async () => rm(directory, { recursive: true, force: true }));
    const running = await startMember({
      directory: join(directory, 'member'),
      id: 1,
      cluster: 'closing',
      members: [{ id: 1, clientUrl: 'ws://127.0.0.1:7401', peerUrl: 'ws://127.0.0.1:7501' }],
      listen: '127.0.0.1:0',
      listenPeer: '127.0.0.1:0',
      electionMs: 100,
      heartbeatMs: 20,
      logLevel: 'silent',
    });
    const port = who === 'a client' ? running.clientPort : running.peerPort;
    const early = await deaf(port, subprotocol);
    // It is told that the member closes, and has a moment for its answer: in that moment the next one comes.
    const told = once(early, 'data');
    const stopped = running.stop();
    await told;
    const late = await deaf(port, subprotocol);
    context.after(() => late.destroy());
    await stopped;
    if (!late.closed) await once(late, 'close');
  });
}
