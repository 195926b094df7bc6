import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
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
const logged: string[] = [];

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
  const log = { write: (line: string) => void logged.push(line) };
  running = await startMember(optionsFor(join(directory, 'member'), { log, logLevel: 'warn' }));
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
  #closeCode = 0;

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
    this.#socket.on('close', (code) => {
      this.#closed = true;
      this.#closeCode = code;
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

  /** The WebSocket's close code. */
  async closed(): Promise<number> {
    while (!this.#closed) await this.#change();
    return this.#closeCode;
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

test('nesting beyond what a message has is refused where it begins', async () => {
  await endsWith(new Uint8Array(1_000_000).fill(0x91), /frame: \[0\]: an array is no client message/);
});

test('an unknown message is refused by its tag', async () => {
  await endsWith(Uint8Array.from([0x91, 0x92, 63, 1]), /tag 63 is no client message/);
});

test('a record definition, for which a general decoder may compile code, is refused', async () => {
  await endsWith(Uint8Array.from([0x91, 0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61]), /an extension where an array belongs/);
});

const messageTooBig = 1009;
const unsupportedData = 1003;

test('a frame over the limit closes its connection as too big, and no other; the log names the limit', async () => {
  const peer = await new Peer().open();
  peer.raw(new Uint8Array(wireLimits.maxClientFrameBytes + 1));
  assert.equal(await peer.closed(), messageTooBig);
  await stillServes();
  assert.ok(
    logged.some((line) => line.includes(`a client sent a frame of more than ${wireLimits.maxClientFrameBytes} bytes`)),
  );
});

test('text frames are no frames of the protocol', async () => {
  const peer = await new Peer().open();
  peer.raw('hello');
  assert.equal(await peer.closed(), unsupportedData);
  await stillServes();
});

test('an unknown operation is refused by its tag, and the connection goes on', async () => {
  const unknown = Uint8Array.from([0x91, 99]);
  await refuses(unknown, 'INVALID_ARGUMENT', /operation.*99/);
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

for (const [name, key, value, code, message] of [
  ['a key over the limit', filled(limits.maxKeyBytes + 1), filled(1), 'TOO_LARGE', /key.*4097.*4096/],
  ['a value over the limit', filled(1), filled(limits.maxValueBytes + 1), 'TOO_LARGE', /value.*1048577.*1048576/],
  ['a reserved key', Uint8Array.from([0, 1]), filled(1), 'INVALID_ARGUMENT', /key.*reserved/],
  ['an empty key', filled(0), filled(1), 'INVALID_ARGUMENT', /key/],
] as const) {
  test(`${name} is refused by name, and the connection goes on`, async () => {
    await refuses(rawPut(key, value), code, message);
  });
}

function filled(length: number): Uint8Array {
  return new Uint8Array(length).fill(97);
}

async function refuses(operation: Uint8Array, code: string, message: RegExp): Promise<void> {
  const peer = await new Peer().open();
  peer.send(hello);
  await peer.until('welcome');
  peer.send({ type: 'mutate', id: 5, identity: { by: 'none' }, reason: null, deadlineMs: null, operation });
  const { error } = await peer.until('error');
  assert.match(error.message, message);
  assert.deepEqual([error.outcome, error.code], ['not-applied', code]);
  peer.send({ type: 'statusRequest', id: 6 });
  await peer.until('status');
  peer.close();
}

/** As a client would write it that does not keep to the limits: the SDK's own codec refuses to. */
function rawPut(key: Uint8Array, value: Uint8Array): Uint8Array {
  const one = Uint8Array.from([97]);
  const valid = encodeOperation({ type: 'put', key: one, value: one, lease: null, returnPrevious: false });
  // [tag, bin8 1 'a', bin8 1 'a', …]
  const at = valid.indexOf(0xc4);
  return Uint8Array.from([...valid.subarray(0, at), ...bin(key), ...bin(value), ...valid.subarray(at + 6)]);
}

function bin(bytes: Uint8Array): Uint8Array {
  const head = new DataView(new ArrayBuffer(5));
  head.setUint8(0, 0xc6);
  head.setUint32(1, bytes.length);
  return Buffer.concat([new Uint8Array(head.buffer), bytes]);
}

/** "101", or the status and the body of the refusal. */
async function upgrade(headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${running.clientPort}`, 'conclave.v1', { headers });
    socket.once('open', () => {
      socket.close();
      resolve('101');
    });
    socket.once('unexpected-response', (_request, response) => {
      text(response).then((body) => resolve(`${response.statusCode} ${body}`), reject);
    });
    socket.once('error', reject);
  });
}

test('a page of a foreign origin is refused and told what would allow it, a page of a member is not', async () => {
  assert.match(await upgrade({ origin: 'http://evil.example' }), /^403 Origin http:\/\/evil\.example .*--allow-origin/);
  assert.match(await upgrade({ origin: 'null' }), /^403 Origin null/);
  assert.equal(await upgrade({ origin: 'http://127.0.0.1:7401' }), '101');
});

test('a foreign name for this machine is refused by name', async () => {
  assert.match(await upgrade({ host: 'evil.example:7401' }), /^403 Host "evil\.example:7401" is no address/);
  assert.equal(await upgrade({ host: 'localhost:7401' }), '101');
  assert.equal(await upgrade({ host: '127.0.0.1:1' }), '101');
});

test('half a request and a reset harm nobody', async () => {
  for (const bytes of [
    'GET / HTTP/1.1\r\nUpgrade: websocket\r\n',
    '\0\0\0\0',
    'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  ]) {
    const socket = connect(running.clientPort, '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    socket.on('error', () => {});
    socket.write(bytes);
    socket.resetAndDestroy();
  }
  await stillServes();
});

test('a second process on the same directory is refused, and the first goes on', async () => {
  await assert.rejects(startMember(optionsFor(join(directory, 'member'))), {
    code: 'locked',
    message: /member.*Another process has it open/s,
  });
  await stillServes();
});

test("another member's directory is refused", async () => {
  const path = join(directory, 'other');
  await (await startMember(optionsFor(path, { cluster: 'other' }))).stop();
  await assert.rejects(startMember(optionsFor(path)), { code: 'wrong-member', message: /other.*cluster/s });
});

test('an address in use is named', async () => {
  const options = optionsFor(join(directory, 'third'), { listen: `127.0.0.1:${running.clientPort}` });
  await assert.rejects(startMember(options), new RegExp(`EADDRINUSE.*127.0.0.1:${running.clientPort}`));
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
