import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { subprotocol } from '@conclave/protocol';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { Doorkeeper } from './admission.ts';
import { ClientListener } from './client-listener.ts';
import { startMember } from './start-member.ts';

const silence = { pingIntervalMs: 50, silenceMs: 100 };

/** A client connection that says what it is given, byte by byte, and never answers anything. */
async function dumb(port: number): Promise<{ readonly socket: Socket; readonly gone: Promise<void> }> {
  const socket = connect(port, '127.0.0.1');
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => {});
  const key = Buffer.alloc(16).toString('base64');
  const head = ['GET / HTTP/1.1', 'Host: 127.0.0.1', 'Upgrade: websocket', 'Connection: Upgrade'];
  const protocol = [`Sec-WebSocket-Key: ${key}`, 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Protocol: ${subprotocol}`];
  socket.write(`${[...head, ...protocol].join('\r\n')}\r\n\r\n`);
  await new Promise<void>((resolve) => socket.once('data', () => resolve()));
  return { socket, gone };
}

test('a client that answers no ping is dropped; one that answers, or sends a frame slowly, is not', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'conclave-silence-'));
  const running = await startMember({
    directory: join(directory, 'member'),
    id: 1,
    cluster: 'silence',
    members: [{ id: 1, clientUrl: 'ws://127.0.0.1:7401', peerUrl: 'ws://127.0.0.1:7501' }],
    listen: '127.0.0.1:0',
    listenPeer: '127.0.0.1:0',
    logLevel: 'silent',
  });
  const doorkeeper = new Doorkeeper(() => [], []);
  const listener = new ClientListener(running.member, doorkeeper, pino({ level: 'silent' }), silence);
  try {
    const port = await listener.listen({ host: '127.0.0.1', port: 0 });
    const lively = new WebSocket(`ws://127.0.0.1:${port}`, subprotocol);
    const slow = await dumb(port);
    // The head of a frame of 60,000 bytes, and then one of them at a time.
    slow.socket.write(Buffer.from([0x82, 0xfe, 0xea, 0x60, 0, 0, 0, 0]));
    const drip = setInterval(() => slow.socket.write(Buffer.from([0])), 10);
    const dead = await dumb(port);
    await dead.gone;
    for (let ping = 0; ping < 4; ping++) await new Promise((resolve) => lively.once('ping', resolve));
    assert.deepEqual([lively.readyState, slow.socket.destroyed], [WebSocket.OPEN, false]);
    clearInterval(drip);
    await slow.gone;
    lively.terminate();
  } finally {
    await listener.close();
    await running.stop();
    await rm(directory, { recursive: true });
  }
});
