// The store of each kind as a real server, where it is one.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { FencesInMemory, fenced } from '../../../../docs/examples/fencing/http.ts';
import { PostgresServer } from '../processes/postgres-server.ts';
import { RedisServer } from '../processes/redis-server.ts';
import { requires } from '../processes/requires.ts';
import { temporaryDirectory } from '../processes/temporary-directory.ts';
import type { Kind } from './accounts.ts';
import { Bucket } from './bucket.ts';

export interface Store extends AsyncDisposable {
  /** As `openAccount` takes it. */
  readonly location: string;
}

/** The reason to skip, or false. */
export function lacks(kind: Kind): string | false {
  return kind === 'postgres' || kind === 'redis' ? requires(kind) : false;
}

export async function startStore(kind: Kind): Promise<Store> {
  switch (kind) {
    case 'sqlite': {
      const directory = temporaryDirectory();
      const location = join(directory.path, 'accounts.db');
      return { location, [Symbol.asyncDispose]: async () => directory[Symbol.dispose]() };
    }
    case 'postgres': {
      const server = await PostgresServer.start();
      return { location: server.url, [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() };
    }
    case 'redis': {
      const server = await RedisServer.start();
      return { location: server.url, [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose]() };
    }
    case 'http':
      return startService();
    case 'object-store': {
      const bucket = await Bucket.start();
      return { location: bucket.url, [Symbol.asyncDispose]: async () => bucket[Symbol.asyncDispose]() };
    }
  }
}

/** One text: PUT comes through the gate, POST past it. */
async function startService(): Promise<Store> {
  let content: string | null = null;
  const write = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    content = await text(request);
    response.writeHead(204).end();
  };
  const gate = fenced({ fences: new FencesInMemory(), lockOf: () => 'account' }, write);
  const server = createServer((request, response) => {
    if (request.method === 'PUT') gate(request, response);
    else if (request.method === 'POST') write(request, response).catch(() => response.destroy());
    else response.writeHead(content === null ? 404 : 200).end(content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { location: `http://127.0.0.1:${port}/account`, [Symbol.asyncDispose]: stop };
}
