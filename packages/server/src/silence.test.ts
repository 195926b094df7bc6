import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { subprotocol } from '@conclave/protocol';
import { pino } from 'pino';
import { WebSocket, WebSocketServer } from 'ws';
import { Doorkeeper } from './admission.ts';
import { ClientListener, listen } from './client-listener.ts';
import { SilenceWatch } from './silence.ts';
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

/** A watched WebSocket whose other end gets what is sent no faster than `bytesPerSecond`, and answers at once. */
class SlowLink {
  bytesPerSecond = Number.POSITIVE_INFINITY;
  readonly near: WebSocket;
  readonly far: WebSocket;
  readonly watch: SilenceWatch;
  /** Of the near end, since a moment that the test chooses. */
  pings = 0;

  static async open(context: TestContext): Promise<SlowLink> {
    const watch = new SilenceWatch(silence);
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(sockets, 'listening');
    const between = createServer();
    const port = await listen(between, '127.0.0.1', 0);
    const far = new WebSocket(`ws://127.0.0.1:${port}`);
    const [out] = (await once(between, 'connection')) as [Socket];
    const back = connect((sockets.address() as AddressInfo).port, '127.0.0.1');
    const accepted = once(sockets, 'connection') as Promise<[WebSocket, IncomingMessage]>;
    out.pipe(back);
    const slow = { link: null as SlowLink | null };
    let lastMs = performance.now();
    const drip = setInterval(() => {
      const elapsedMs = performance.now() - lastMs;
      lastMs += elapsedMs;
      const due = Math.floor(((slow.link?.bytesPerSecond ?? Number.POSITIVE_INFINITY) * elapsedMs) / 1_000);
      const bytes = back.read(Math.min(due, back.readableLength)) as Buffer | null;
      if (bytes !== null) out.write(bytes);
    }, 5);
    back.once('close', () => out.destroy());
    context.after(() => {
      clearInterval(drip);
      watch.close();
      for (const one of [far, ...sockets.clients]) one.terminate();
      for (const one of [out, back]) one.destroy();
      sockets.close();
      between.close();
    });
    const [near, { socket }] = await accepted;
    slow.link = new SlowLink(near, far, watch);
    if (far.readyState !== far.OPEN) await once(far, 'open');
    watch.watch(near, socket);
    return slow.link;
  }

  private constructor(near: WebSocket, far: WebSocket, watch: SilenceWatch) {
    this.watch = watch;
    this.near = near;
    this.far = far;
    const ping = near.ping.bind(near);
    near.ping = (data: Buffer) => {
      this.pings++;
      ping(data);
    };
  }
}

test('a link that is slow lives while what was sent can be under way, and not a moment longer than one that is fast', {
  timeout: 20_000,
}, async (context) => {
  const link = await SlowLink.open(context);
  link.bytesPerSecond = 200_000;
  link.near.send(Buffer.alloc(393_216));
  await once(link.far, 'message');
  assert.ok(link.pings > 10, `${link.pings} pings were sent meanwhile: it was silent for longer than the patience`);
  assert.equal(link.near.readyState, WebSocket.OPEN);
  await once(link.near, 'pong');
  link.bytesPerSecond = 0;
  link.pings = 0;
  await once(link.near, 'close');
  assert.ok(link.pings < 10, `dead after ${link.pings} pings: all had arrived`);
});

test('a link with much under way that takes nothing dies as soon as the next piece of it could have arrived', {
  timeout: 20_000,
}, async (context) => {
  const link = await SlowLink.open(context);
  link.bytesPerSecond = 200_000;
  let pongs = 0;
  link.near.on('pong', () => pongs++);
  const pieces = 60;
  const sendMuch = (): void => {
    for (let piece = 0; piece < pieces; piece++) {
      link.near.send(Buffer.alloc(6_553));
      link.watch.sent(link.near);
    }
  };
  const taken = new Promise<void>((resolve) => {
    let received = 0;
    link.far.on('message', () => {
      if (++received === pieces) resolve();
    });
  });
  sendMuch();
  await taken;
  assert.equal(link.near.readyState, WebSocket.OPEN, 'slow is not dead');
  // Until every ping is answered: a mark that is left over would end the patience early by itself.
  do await once(link.near, 'pong');
  while (pongs < link.pings);
  link.bytesPerSecond = 0;
  sendMuch();
  link.pings = 0;
  await once(link.near, 'close');
  // The two looks of every link, those that two more pieces would take, and the one under way. All of them would take sixty.
  assert.ok(link.pings <= 6, `dead after ${link.pings} pings`);
});

test('a link that takes nothing dies when what was sent could have arrived over a slow one', {
  timeout: 20_000,
}, async (context) => {
  const link = await SlowLink.open(context);
  link.bytesPerSecond = 0;
  link.near.send(Buffer.alloc(131_072));
  await once(link.near, 'close');
  // One second at the least rate, beside the two looks of every link.
  assert.ok(link.pings >= 20 && link.pings < 30, `dead after ${link.pings} pings`);
});
