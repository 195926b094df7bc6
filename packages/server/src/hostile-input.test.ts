import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  type ClientMessage,
  decodeMemberFrame,
  decodeResult,
  encodeClientFrame,
  encodeOperation,
  limits,
  type MemberMessage,
  wireLimits,
} from '@conclave/protocol';
import { WebSocket } from 'ws';
import type { MemberOptions } from './options.ts';
import { type RunningMember, startMember } from './start-member.ts';

let directory = '';
let running: RunningMember;

function optionsFor(path: string, more: Partial<MemberOptions> = {}): MemberOptions {
  return {
    directory: path,
    id: 1,
    cluster: 'hostile',
    members: [{ id: 1, clientUrl: 'ws://127.0.0.1:7401', peerUrl: 'ws://127.0.0.1:7501' }],
    listen: '127.0.0.1:0',
    listenPeer: '127.0.0.1:0',
    electionMs: 100,
    heartbeatMs: 20,
    logLevel: 'silent',
    ...more,
  };
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'conclave-hostile-'));
  running = await startMember(optionsFor(join(directory, 'member')));
});

after(async () => {
  await running.stop();
  await rm(directory, { recursive: true });
});

const hello: ClientMessage = {
  type: 'hello',
  minVersion: 1,
  maxVersion: 1,
  features: [],
  author: null,
  clusterId: null,
  sessions: [],
};

/** Frames in, frames out, and how it ended. */
class Peer {
  readonly received: MemberMessage[] = [];
  readonly #socket: WebSocket;
  readonly #changed: (() => void)[] = [];
  #closed = false;

  constructor(headers: Record<string, string> = {}) {
    this.#socket = new WebSocket(`ws://127.0.0.1:${running.clientPort}`, 'conclave.v1', {
      headers,
      perMessageDeflate: false,
    });
    this.#socket.on('message', (data: Buffer) => {
      this.received.push(...decodeMemberFrame(data));
      this.#wake();
    });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve, reject) => this.#socket.once('open', () => resolve()).once('error', reject));
    return this;
  }

  raw(data: Uint8Array | string): void {
    this.#socket.send(data);
  }

  send(...messages: ClientMessage[]): void {
    this.raw(encodeClientFrame(messages));
  }

  async until<T extends MemberMessage['type']>(type: T): Promise<Extract<MemberMessage, { type: T }>> {
    for (;;) {
      const found = this.received.find(
        (message): message is Extract<MemberMessage, { type: T }> => message.type === type,
      );
      if (found !== undefined) return found;
      assert.ok(!this.#closed, `closed before ${type}: ${JSON.stringify(this.received)}`);
      await this.#change();
    }
  }

  async closed(): Promise<void> {
    while (!this.#closed) await this.#change();
  }

  close(): void {
    this.#socket.close();
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  #wake(): void {
    for (const wake of this.#changed.splice(0)) wake();
  }
}

/** The member is unharmed: somebody else writes and reads. */
async function stillServes(): Promise<void> {
  const peer = await new Peer().open();
  const bytes = new TextEncoder().encode('k');
  peer.send(hello);
  await peer.until('welcome');
  const operation = encodeOperation({ type: 'put', key: bytes, value: bytes, lease: null, returnPrevious: false });
  const identity = { by: 'key', key: crypto.getRandomValues(new Uint8Array(16)) } as const;
  peer.send({ type: 'mutate', id: 1, identity, reason: null, deadlineMs: null, operation });
  assert.equal(decodeResult((await peer.until('result')).result).type, 'put');
  peer.close();
}

async function endsWith(frame: Uint8Array, message: RegExp): Promise<void> {
  const peer = await new Peer().open();
  peer.send(hello);
  await peer.until('welcome');
  peer.raw(frame);
  const { error } = await peer.until('goodbye');
  assert.match(error.message, message);
  await peer.closed();
  await stillServes();
}

test('garbage is answered by a goodbye that says what is wrong, and harms nobody else', async () => {
  await endsWith(Uint8Array.from([0xc1, 0xff, 0x00]), /frame: /);
  await endsWith(Uint8Array.from([0xdd, 0xff, 0xff, 0xff, 0xff]), /frame: /);
});

test('nesting beyond the limit is refused before it is unpacked', async () => {
  await endsWith(new Uint8Array(1_000_000).fill(0x91), /depth|nest/);
});

test('an unknown message is refused by its tag', async () => {
  await endsWith(Uint8Array.from([0x91, 0x92, 63, 1]), /tag 63 is no client message/);
});

test('a record definition, which msgpackr would compile, is refused', async () => {
  await endsWith(Uint8Array.from([0x91, 0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61]), /ext/);
});

test('a frame over the limit closes its connection and no other', async () => {
  const peer = await new Peer().open();
  peer.raw(new Uint8Array(wireLimits.maxClientFrameBytes + 1));
  await peer.closed();
  await stillServes();
});

test('text frames are no frames of the protocol', async () => {
  const peer = await new Peer().open();
  peer.raw('hello');
  await peer.closed();
  await stillServes();
});

test('a client of another version is told both ranges', async () => {
  const peer = await new Peer().open();
  peer.send({ ...hello, minVersion: 7, maxVersion: 9 });
  const { error } = await peer.until('goodbye');
  assert.equal(error.code, 'UNSUPPORTED_VERSION');
  assert.match(error.message, /7 to 9.*1 to 1/);
});

test('nothing is answered before the hello', async () => {
  const peer = await new Peer().open();
  peer.send({ type: 'statusRequest', id: 1 });
  assert.equal((await peer.until('goodbye')).error.code, 'PROTOCOL');
});

for (const [name, key, value, message] of [
  ['a key', new Uint8Array(limits.maxKeyBytes + 1).fill(97), new Uint8Array(1), /key.*4097.*4096/],
  ['a reserved key', Uint8Array.from([0, 1]), new Uint8Array(1), /reserved/],
  ['an empty key', new Uint8Array(0), new Uint8Array(1), /key/],
] as const) {
  test(`${name} that may not be written is refused by name, and the connection goes on`, async () => {
    const peer = await new Peer().open();
    peer.send(hello);
    await peer.until('welcome');
    const operation = rawPut(key, value);
    const identity = { by: 'none' } as const;
    peer.send({ type: 'mutate', id: 5, identity, reason: null, deadlineMs: null, operation });
    const { error } = await peer.until('error');
    assert.equal(error.outcome, 'not-applied');
    assert.match(error.message, message);
    peer.send({ type: 'statusRequest', id: 6 });
    await peer.until('status');
    peer.close();
  });
}

/** As a client would write it that does not keep to the limits: the SDK's own codec refuses to. */
function rawPut(key: Uint8Array, value: Uint8Array): Uint8Array {
  const valid = encodeOperation({ type: 'put', key: Uint8Array.from([97]), value, lease: null, returnPrevious: false });
  // [tag, bin8 1 'a', …]: the key is the second element.
  const at = valid.indexOf(0xc4);
  const head = key.length < 256 ? [0xc4, key.length] : [0xc5, key.length >> 8, key.length & 0xff];
  return Uint8Array.from([...valid.subarray(0, at), ...head, ...key, ...valid.subarray(at + 3)]);
}

async function upgradeStatus(headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${running.clientPort}`, 'conclave.v1', { headers });
    socket.once('open', () => {
      socket.close();
      resolve(101);
    });
    socket.once('unexpected-response', (_request, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    socket.once('error', reject);
  });
}

test('a page of a foreign origin is refused, a page of a member is not', async () => {
  assert.equal(await upgradeStatus({ origin: 'http://evil.example' }), 403);
  assert.equal(await upgradeStatus({ origin: 'null' }), 403);
  assert.equal(await upgradeStatus({ origin: 'http://127.0.0.1:7401' }), 101);
});

test('a foreign name for this machine is refused', async () => {
  assert.equal(await upgradeStatus({ host: 'evil.example:7401' }), 403);
  assert.equal(await upgradeStatus({ host: 'localhost:7401' }), 101);
  assert.equal(await upgradeStatus({ host: '127.0.0.1:1' }), 101);
});

test('half a request and a reset harm nobody', async () => {
  for (const text of [
    'GET / HTTP/1.1\r\nUpgrade: websocket\r\n',
    '\0\0\0\0',
    'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  ]) {
    const socket = connect(running.clientPort, '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    socket.on('error', () => {});
    socket.write(text);
    socket.resetAndDestroy();
  }
  await stillServes();
});

test('a second process on the same directory is refused, and the first goes on', async () => {
  await assert.rejects(startMember(optionsFor(join(directory, 'member'))), { code: 'locked' });
  await stillServes();
});

test("another member's directory is refused", async () => {
  const path = join(directory, 'other');
  await (await startMember(optionsFor(path, { cluster: 'other' }))).stop();
  await assert.rejects(startMember(optionsFor(path)), { code: 'wrong-member' });
});

test('an address in use is named', async () => {
  const options = optionsFor(join(directory, 'third'), { listen: `127.0.0.1:${running.clientPort}` });
  await assert.rejects(startMember(options), new RegExp(`EADDRINUSE.*${running.clientPort}`));
});

test('listening beyond this machine needs to be asked for by name', async () => {
  const path = join(directory, 'exposed');
  await assert.rejects(startMember(optionsFor(path, { listen: '0.0.0.0:0' })), /--insecure/);
  await assert.rejects(startMember(optionsFor(path, { listenPeer: '0.0.0.0:0' })), /--insecure/);
  await (await startMember(optionsFor(path, { listen: '0.0.0.0:0', insecure: true }))).stop();
});

test('options that cannot be are refused by name', async () => {
  const path = join(directory, 'never');
  await assert.rejects(startMember(optionsFor(path, { id: 2 })), /member 2 is not among the members given: 1/);
  await assert.rejects(startMember(optionsFor(path, { cluster: 'a b' })), /cluster name "a b"/);
  await assert.rejects(startMember(optionsFor(path, { listen: 'here' })), /address "here"/);
});
