import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { closeServer, connectionsOf, listen } from './client-listener.ts';
import { type RunningMember, startMember } from './start-member.ts';

/** A WebSocket that takes what it is sent and answers nothing, not even a close. */
class Deaf {
  readonly socket: Socket;
  readonly #rest: string;

  /** Has sent the first half of its request. `allowHalfOpen`: its side stays open when the other one is closed. `more`: headers. */
  constructor(port: number, subprotocol: string, { allowHalfOpen = false, more = '' } = {}) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
    this.socket.on('error', () => {});
    this.socket.write(`GET /bulk HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`);
    const key = Buffer.alloc(16).toString('base64');
    this.#rest = `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${subprotocol}\r\n${more}\r\n`;
  }

  /** Sends the other half. Resolves when it is taken, or when it is not. */
  async upgrade(): Promise<void> {
    const isOver = new Promise<void>((resolve) => {
      this.socket.once('data', () => resolve());
      this.socket.once('close', () => resolve());
    });
    this.socket.write(this.#rest);
    await isOver;
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await once(this.socket, 'close');
  }
}

async function start(directory: string): Promise<RunningMember> {
  return startMember({
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
    const running = await start(directory);
    const port = who === 'a client' ? running.clientPort : running.peerPort;
    const early = new Deaf(port, subprotocol);
    const half = new Deaf(port, subprotocol);
    await early.upgrade();
    // It is told that the member closes, and has a moment for its answer: in that moment the others come.
    const told = once(early.socket, 'data');
    const stopped = running.stop();
    await told;
    const late = new Deaf(port, subprotocol);
    for (const one of [half, late]) context.after(() => one.socket.destroy());
    await Promise.all([half.upgrade(), late.upgrade()]);
    await stopped;
    await Promise.all([half.closed(), late.closed()]);
    assert.equal(early.socket.closed, true);
  });
}

for (const [who, portOf, subprotocol] of [
  ['client', 'clientPort', 'conclave.v1'],
  ['peer', 'peerPort', 'conclave-peer.v1'],
] as const) {
  test(`a ${who} that was refused is let go, and does not keep a member from stopping`, {
    timeout: 20_000,
  }, async (context) => {
    const directory = await mkdtemp(join(tmpdir(), 'conclave-closing-'));
    context.after(async () => rm(directory, { recursive: true, force: true }));
    const running = await start(directory);
    const more = 'Origin: http://elsewhere.example\r\n';
    const refused = new Deaf(running[portOf], subprotocol, { allowHalfOpen: true, more });
    context.after(() => refused.socket.destroy());
    const answered = once(refused.socket, 'data');
    await refused.upgrade();
    assert.match(`${(await answered)[0]}`, /^HTTP\/1\.1 40[13] /);
    await running.stop();
  });
}

test('a connection that is being upgraded when the others are closed is closed with them', {
  timeout: 20_000,
}, async (context) => {
  const http = createServer();
  const connections = connectionsOf(http);
  const port = await listen(http, '127.0.0.1', 0);
  const between = new Deaf(port, 'any');
  context.after(() => between.socket.destroy());
  const upgrading = once(http, 'upgrade');
  void between.upgrade();
  await upgrading;
  assert.equal(connections.size, 1);
  await closeServer(http, new WebSocketServer({ noServer: true }), connections);
  await between.closed();
  assert.equal(connections.size, 0);
});
