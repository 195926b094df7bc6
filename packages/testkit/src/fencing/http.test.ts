import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as openRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { type Fences, FencesInMemory, fenced, type Next } from '../../../../docs/examples/fencing/http.ts';
import { printed, program } from '../examples/program.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import { patienceMs } from '../processes/test-cluster.ts';
import { waitFor } from '../processes/wait-for.ts';

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

interface Service extends AsyncDisposable {
  readonly url: string;
}

async function serve(listener: Listener): Promise<Service> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: stop };
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function put(url: string, fence: number | string | null, body = ''): Promise<Answer> {
  const headers = fence === null ? {} : { 'conclave-fence': `${fence}` };
  const response = await fetch(url, { method: 'PUT', body, headers });
  return { status: response.status, body: await response.text() };
}

const lockOf = ({ url = '' }: IncomingMessage): string => url;

test('what carries no fence, or something else, does not reach the handler', async () => {
  let handled = 0;
  const gate = fenced({ fences: new FencesInMemory(), lockOf }, async (_, response) => {
    handled += 1;
    response.end();
  });
  await using service = await serve(gate);
  assert.equal((await put(service.url, null)).status, 428);
  for (const wrong of ['', '0', '-5', '05', '5.0', '1e3', '0x10', 'seven', '7, 8', `${2 ** 53}`]) {
    assert.equal((await put(service.url, wrong)).status, 400, wrong);
  }
  assert.equal(handled, 0);
  assert.equal((await put(service.url, 2 ** 53 - 1)).status, 200);
  assert.equal(handled, 1);
});

test('a smaller fence is answered 409, with the lock and the fence in the body; another lock has its own', async () => {
  const gate = fenced({ fences: new FencesInMemory(), lockOf }, async (_, response) => void response.end());
  await using service = await serve(gate);
  assert.equal((await put(`${service.url}/a`, 6)).status, 200);
  assert.deepEqual(await put(`${service.url}/a`, 5), {
    status: 409,
    body: '{"error":"stale fence","lock":"/a","fence":5}',
  });
  assert.equal((await put(`${service.url}/b`, 5)).status, 200);
});

/** A service that writes when it is told to, and whether `gate` lets a later holder's request in before. */
class SlowService {
  written = '';
  readonly started: string[] = [];
  readonly #finish = new Map<string, () => void>();

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const content = await text(request);
    this.started.push(content);
    await new Promise<void>((resolve) => this.#finish.set(content, resolve));
    this.written = content;
    response.writeHead(204).end();
  }

  async hasStarted(content: string): Promise<void> {
    await waitFor(
      () => this.started.includes(content),
      patienceMs,
      () => `started: ${this.started.join()}`,
    );
  }

  finish(content: string): void {
    this.#finish.get(content)?.();
  }
}

test("a later holder's request waits until an earlier one's is done, also when its client has gone away", async () => {
  const slow = new SlowService();
  const claims: number[] = [];
  const memory = new FencesInMemory();
  const fences: Fences = {
    claim: (lock, fence) => {
      claims.push(fence);
      return memory.claim(lock, fence);
    },
  };
  const gate = fenced({ fences, lockOf }, async (request, response) => slow.handle(request, response));
  let arrived = 0;
  await using service = await serve((request, response) => {
    gate(request, response);
    arrived += 1;
  });
  const earlier = openRequest(service.url, { method: 'PUT', headers: { 'conclave-fence': '5' } });
  earlier.on('error', () => {});
  earlier.end('early');
  await slow.hasStarted('early');
  earlier.destroy();
  const later = put(service.url, 6, 'later');
  const late = put(service.url, 5, 'late');
  await waitFor(
    () => arrived === 3,
    patienceMs,
    () => `${arrived} have arrived`,
  );
  assert.deepEqual(claims, [5], 'the later one has not had its turn');
  slow.finish('early');
  await slow.hasStarted('later');
  assert.equal(slow.written, 'early');
  slow.finish('later');
  assert.equal((await later).status, 204);
  assert.equal((await late).status, 409);
  assert.equal(slow.written, 'later');
});

test('without turns the earlier handler writes last, though its fence was compared', async () => {
  const slow = new SlowService();
  const fences = new FencesInMemory();
  await using service = await serve((request, response) => {
    if (!fences.claim('lock', Number(request.headers['conclave-fence']))) response.writeHead(409).end();
    else slow.handle(request, response).catch(() => response.destroy());
  });
  const earlier = put(service.url, 5, 'early');
  await slow.hasStarted('early');
  const later = put(service.url, 6, 'later');
  await slow.hasStarted('later');
  slow.finish('later');
  await later;
  slow.finish('early');
  assert.equal((await earlier).status, 204);
  assert.equal(slow.written, 'early');
});

test('those who wait for one lock are bounded, and another lock does not wait', async () => {
  const slow = new SlowService();
  const gate = fenced({ fences: new FencesInMemory(), lockOf }, async (request, response) =>
    slow.handle(request, response),
  );
  let arrived = 0;
  await using service = await serve((request, response) => {
    gate(request, response);
    arrived += 1;
  });
  const waiting = Array.from({ length: 100 }, async (_, at) => put(`${service.url}/a`, 5, `a${at}`));
  await waitFor(
    () => arrived === 100,
    patienceMs,
    () => `${arrived} have arrived`,
  );
  assert.equal((await put(`${service.url}/a`, 6, 'one too many')).status, 503);
  const other = put(`${service.url}/b`, 1, 'b');
  await slow.hasStarted('b');
  slow.finish('b');
  assert.equal((await other).status, 204);
  const turns = (): string[] => slow.started.filter((content) => content !== 'b');
  for (let done = 0; done < 100; done++) {
    await waitFor(
      () => turns().length > done,
      patienceMs,
      () => `${turns().length} started`,
    );
    slow.finish(turns()[done] ?? '');
  }
  const statuses = (await Promise.all(waiting)).map(({ status }) => status);
  assert.deepEqual(new Set(statuses), new Set([204]));
});

test('in a chain of handlers of Express shape it takes its place, and an error goes on to the next', async () => {
  const failure = new Error('disk full');
  const gate = fenced({ fences: new FencesInMemory(), lockOf }, async (request, response) => {
    if ((await text(request)) === 'fail') throw failure;
    response.writeHead(204).end();
  });
  const seen: unknown[] = [];
  const chain: readonly ((request: IncomingMessage, response: ServerResponse, next: Next) => void)[] = [
    (_, response, next) => {
      response.setHeader('x-first', 'yes');
      next();
    },
    gate,
  ];
  await using service = await serve((request, response) => {
    const run = (at: number) => (error?: unknown) => {
      if (error === undefined) return chain[at]?.(request, response, run(at + 1));
      seen.push(error);
      response.writeHead(500).end();
    };
    run(0)();
  });
  assert.equal((await put(service.url, 5)).status, 204);
  assert.equal((await put(service.url, 5, 'fail')).status, 500);
  assert.deepEqual(seen, [failure]);
  assert.equal((await put(service.url, 4)).status, 409);
  assert.equal((await put(service.url, 5)).status, 204, 'a handler that failed does not hold up the next');
});

test('with the fences in a database a service that was killed still refuses a late write', async () => {
  using directory = temporaryDirectory();
  const start = () => program('fencing/file-service.ts', [directory.path, '0']);
  {
    await using service = start();
    const url = await printed(service, /served at (\S+)/);
    assert.equal((await put(`${url}/report`, 6, 'in time')).status, 204);
    await service.kill();
  }
  await using again = start();
  const url = await printed(again, /served at (\S+)/);
  assert.equal((await put(`${url}/report`, 5, 'late')).status, 409);
  assert.equal(await (await fetch(`${url}/report`)).text(), 'in time');
  assert.equal((await put(`${url}/report`, 6, 'goes on')).status, 204);
  assert.equal(await (await fetch(`${url}/report`)).text(), 'goes on');
});

test('a holder that is stopped in the middle of its request holds up nobody, and is refused when it goes on', {
  timeout: 30_000,
}, async () => {
  using directory = temporaryDirectory();
  await using service = program('fencing/file-service.ts', [directory.path, '0']);
  const url = `${await printed(service, /served at (\S+)/)}/report`;
  assert.equal((await put(url, 5, 'first')).status, 204);
  // The service says `continue` when it has the headers.
  const headers = { 'conclave-fence': '5', 'content-length': '4', expect: '100-continue' };
  const stopped = openRequest(url, { method: 'PUT', headers });
  stopped.flushHeaders();
  await once(stopped, 'continue');
  stopped.write('la');
  assert.equal((await put(url, 6, 'in time')).status, 204);
  stopped.end('te');
  const [response] = (await once(stopped, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 409);
  response.resume();
  assert.equal(await (await fetch(url)).text(), 'in time');
});

test('with the fences in memory a service that begins anew lets a late write in', async () => {
  for (const fence of [6, 5]) {
    const gate = fenced({ fences: new FencesInMemory(), lockOf }, async (_, response) => void response.end());
    await using service = await serve(gate);
    assert.equal((await put(service.url, fence)).status, 200, `${fence}`);
  }
});
