import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { type Direction, Proxy } from './proxy.ts';
import { stablePorts } from './stable-ports.ts';
import { waitFor } from './wait-for.ts';

const patienceMs = 5_000;

interface Echo extends AsyncDisposable {
  readonly port: number;
  readonly received: () => number;
  /** Connections. */
  readonly open: () => number;
}

async function echo(): Promise<Echo> {
  const sockets = new Set<Socket>();
  let received = 0;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      received += bytes.length;
      socket.write(bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return {
    port: address.port,
    received: () => received,
    open: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

class Client implements Disposable {
  readonly socket: Socket;
  text = '';
  error: NodeJS.ErrnoException | undefined;
  closed = false;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' });
    this.socket.setEncoding('utf8');
    this.socket.on('data', (chunk: string) => {
      this.text += chunk;
    });
    this.socket.on('error', (error) => {
      this.error = error;
    });
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  async reads(text: string): Promise<void> {
    await waitFor(
      () => this.text === text,
      patienceMs,
      () => `read ${JSON.stringify(this.text.slice(0, 80))}`,
    );
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

test('in fair weather bytes pass, and an end on one side is an end on the other', async () => {
  await using server = await echo();
  await using proxy = await Proxy.start({ targetPort: server.port });
  using client = new Client(proxy.port);
  client.socket.write('hello');
  await client.reads('hello');
  assert.equal(proxy.connections, 1);
  client.socket.end();
  await waitFor(
    () => client.closed && proxy.connections === 0,
    patienceMs,
    () => `${proxy.connections} connections`,
  );
});

for (const direction of ['forward', 'backward'] satisfies Direction[]) {
  test(`a cut ${direction} holds back that direction only, silently, and healing delivers in order`, async () => {
    await using server = await echo();
    await using proxy = await Proxy.start({ targetPort: server.port });
    using client = new Client(proxy.port);
    client.socket.write('1');
    await client.reads('1');
    proxy.cut(direction);
    client.socket.write('2');
    client.socket.write('3');
    if (direction === 'backward')
      await waitFor(
        () => server.received() === 3,
        patienceMs,
        () => 'not received',
      );
    // Another connection that is not affected shows that time has passed for this one, too.
    await using fair = await Proxy.start({ targetPort: server.port });
    using other = new Client(fair.port);
    other.socket.write('x');
    await other.reads('x');
    assert.equal(client.text, '1');
    assert.equal(client.closed, false);
    assert.equal(server.received(), direction === 'forward' ? 2 : 4);
    proxy.heal();
    await client.reads('123');
  });
}

test('a delay is at least that long each way', async () => {
  await using server = await echo();
  await using proxy = await Proxy.start({ targetPort: server.port, random: () => 1 });
  using client = new Client(proxy.port);
  client.socket.write('a');
  await client.reads('a');
  proxy.set({ delayMs: 30, jitterMs: 20 });
  const started = performance.now();
  client.socket.write('b');
  await client.reads('ab');
  assert.ok(performance.now() - started >= 99);
});

test('a throttle passes everything, at its rate', async () => {
  await using server = await echo();
  await using proxy = await Proxy.start({ targetPort: server.port });
  proxy.set({ bytesPerSecond: 400_000 }, 'backward');
  using client = new Client(proxy.port);
  const text = 'x'.repeat(100_000);
  const started = performance.now();
  client.socket.write(text);
  await client.reads(text);
  // The last chunk costs nothing any more.
  assert.ok(performance.now() - started >= 180);
});

test('a sender into a cut link feels back pressure instead of filling the memory', async () => {
  await using server = await echo();
  await using proxy = await Proxy.start({ targetPort: server.port });
  using client = new Client(proxy.port);
  client.socket.write('1');
  await client.reads('1');
  proxy.cut('forward');
  // More than the proxy holds and the kernel buffers.
  const size = 64 * 1024 * 1024;
  client.socket.write(Buffer.alloc(size, 'y'));
  let before = -1;
  await waitFor(
    () => {
      const stuck = before === client.socket.bytesWritten && client.socket.writableLength > 0;
      before = client.socket.bytesWritten;
      return stuck;
    },
    patienceMs,
    () => 'everything was taken',
  );
  assert.equal(server.received(), 1);
});

test('dropped connections are reset, refused ones too, and healing welcomes new ones', async () => {
  await using server = await echo();
  await using proxy = await Proxy.start({ targetPort: server.port });
  using client = new Client(proxy.port);
  client.socket.write('1');
  await client.reads('1');
  proxy.drop({ refuse: true });
  await waitFor(
    () => client.error?.code === 'ECONNRESET',
    patienceMs,
    () => `${client.error?.code}`,
  );
  using refused = new Client(proxy.port);
  await waitFor(
    () => refused.closed,
    patienceMs,
    () => 'still open',
  );
  proxy.heal();
  using welcome = new Client(proxy.port);
  welcome.socket.write('2');
  await welcome.reads('2');
});

test('a target that is not there closes the connection', async () => {
  await using proxy = await Proxy.start({ targetPort: (await stablePorts(1))[0] ?? 0 });
  using client = new Client(proxy.port);
  await waitFor(
    () => client.closed && proxy.connections === 0,
    patienceMs,
    () => `${proxy.connections} connections`,
  );
});

for (const side of ['caller', 'target'] as const) {
  test(`a connection that is halved is reset on the side of the ${side}, and open and silent on the other`, async () => {
    await using server = await echo();
    await using proxy = await Proxy.start({ targetPort: server.port });
    using client = new Client(proxy.port);
    client.socket.write('1');
    await client.reads('1');
    proxy.halve(side);
    await waitFor(
      () => (side === 'caller' ? client.closed : server.open() === 0),
      patienceMs,
      () => 'still open',
    );
    using other = new Client(proxy.port);
    client.socket.write('lost');
    other.socket.write('x');
    await other.reads('x');
    assert.equal(client.text, '1');
    assert.equal(server.received(), 2);
    assert.equal(client.closed, side === 'caller');
    assert.equal(server.open(), side === 'caller' ? 2 : 1);
  });
}

test('what is said of one caller holds for its connections alone, from the bytes on that told who it is', async () => {
  await using server = await echo();
  const callerOf = (sent: Buffer): string | null => /^i am (\w+)\n/.exec(sent.toString('utf8'))?.[1] ?? null;
  await using proxy = await Proxy.start({ targetPort: server.port, callerOf });
  proxy.setFor('ada', { forward: { cut: true }, backward: {} });
  using ada = new Client(proxy.port);
  using bob = new Client(proxy.port);
  // Not yet told.
  ada.socket.write('i am ');
  await ada.reads('i am ');
  ada.socket.write('ada\n');
  bob.socket.write('i am bob\n');
  await bob.reads('i am bob\n');
  bob.socket.write('hello\n');
  await bob.reads('i am bob\nhello\n');
  assert.equal(ada.text, 'i am ');
  proxy.drop({ caller: 'bob' });
  await waitFor(
    () => bob.closed,
    patienceMs,
    () => 'bob is still connected',
  );
  assert.equal(ada.closed, false);
  proxy.heal();
  await ada.reads('i am ada\n');
});
