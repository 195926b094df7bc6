import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Member, MemberId } from '@conclave/member';
import { pino } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import { PeerLink } from './peer-link.ts';
import { peerSubprotocol } from './peer-listener.ts';
import { SilenceWatch } from './silence.ts';
import { startMember } from './start-member.ts';

const [near, far] = [1 as MemberId, 2 as MemberId];
const log = pino({ level: 'silent' });

/** What a real member 2 says first to member 1. */
async function helloOfPeer(): Promise<Uint8Array> {
  const directory = await mkdtemp(join(tmpdir(), 'conclave-link-'));
  const running = await startMember({
    directory: join(directory, 'member'),
    id: far,
    cluster: 'link',
    members: [
      { id: near, clientUrl: 'ws://127.0.0.1:7401', peerUrl: 'ws://127.0.0.1:7501' },
      { id: far, clientUrl: 'ws://127.0.0.1:7402', peerUrl: 'ws://127.0.0.1:7502' },
    ],
    listen: '127.0.0.1:0',
    listenPeer: '127.0.0.1:0',
    logLevel: 'silent',
  });
  const hello = running.member.hello(near);
  await running.stop();
  await rm(directory, { recursive: true });
  return hello;
}

test('a link that much is sent over is pinged behind each piece of it, and not only in the rhythm of looks', {
  timeout: 20_000,
}, async (context) => {
  // A look a minute: none of it, while this runs.
  const silence = new SilenceWatch({ pingIntervalMs: 60_000, silenceMs: 120_000 });
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => peerSubprotocol });
  await once(server, 'listening');
  const hello = await helloOfPeer();
  const accepted = new Promise<void>((resolve) => {
    const member: Partial<Member> = {
      hello: () => new Uint8Array(1),
      admit: async () => {},
      acceptedBy: () => resolve(),
      peerLost: () => {},
    };
    const link = new PeerLink(far, 'snapshot', () => member as Member, log, silence);
    context.after(() => {
      link.close();
      silence.close();
      for (const socket of server.clients) socket.terminate();
      server.close();
    });
    server.once('connection', (socket: WebSocket) => {
      let [bytes, pings] = [0, 0];
      socket.on('ping', () => pings++);
      socket.once('message', () => socket.send(hello));
      socket.on('message', (data: Buffer) => {
        bytes += data.length;
        seen.bytes = bytes;
        seen.pings = pings;
        seen.changed();
      });
    });
    link.found([`ws://127.0.0.1:${(server.address() as AddressInfo).port}`]);
    sending.link = link;
  });
  await accepted;
  const frame = new Uint8Array(1_048_576);
  // Two looks of the least rate are 16 MB here: there is a ping behind each so many.
  const frames = 40;
  for (let sent = 0; sent < frames; sent++) {
    while (sending.link?.send(frame) === false) await new Promise((resolve) => setImmediate(resolve));
  }
  while (seen.bytes < frames * frame.length) await new Promise<void>((resolve) => (seen.changed = resolve));
  assert.ok(seen.pings >= 2, `${seen.pings} pings`);
});

const sending: { link: PeerLink | null } = { link: null };
const seen = { bytes: 0, pings: 0, changed: (): void => {} };
