import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Server as NetServer, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Member } from '@conclave/member';
import { subprotocol, wireLimits } from '@conclave/protocol';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Doorkeeper } from './admission.ts';
import { bounds } from './bounds.ts';
import { answerHttp } from './http.ts';
import type { Endpoint } from './options.ts';
import { refuse } from './refuse.ts';
import { type SilenceBounds, SilenceWatch } from './silence.ts';

const clientSilence = { pingIntervalMs: bounds.clientPingIntervalMs, silenceMs: bounds.clientSilenceMs };

/** Where clients and browsers connect: WebSocket for the protocol, HTTP for everything else. */
export class ClientListener {
  readonly #member: Member;
  readonly #doorkeeper: Doorkeeper;
  readonly #log: Logger;
  readonly #http: Server;
  readonly #connections: ReadonlySet<Socket>;
  readonly #sockets: WebSocketServer;
  readonly #silence: SilenceWatch;

  constructor(member: Member, doorkeeper: Doorkeeper, log: Logger, silence: SilenceBounds = clientSilence) {
    this.#member = member;
    this.#doorkeeper = doorkeeper;
    this.#log = log;
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: wireLimits.maxClientFrameBytes,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    });
    this.#http = createServer((request, response) => answerHttp(member, doorkeeper, request, response));
    this.#connections = connectionsOf(this.#http);
    this.#http.headersTimeout = bounds.headersTimeoutMs;
    this.#http.requestTimeout = bounds.headersTimeoutMs;
    this.#http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
    this.#silence = new SilenceWatch(silence);
  }

  /** Rejects when the address is in use. Resolves to the port, which the system chose if it was 0. */
  async listen({ host, port }: Endpoint): Promise<number> {
    return listen(this.#http, host, port);
  }

  async close(): Promise<void> {
    this.#silence.close();
    await closeServer(this.#http, this.#sockets, this.#connections);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until the upgrade is done nobody else listens, and a peer that resets must not end the process.
    const onError = (): void => {
      socket.destroy();
    };
    socket.on('error', onError);
    const refusal = this.#refusal(request);
    if (refusal !== null) {
      this.#log.warn(
        { address: request.socket.remoteAddress, status: refusal.status, reason: refusal.reason },
        'refused a client',
      );
      return refuse(request.socket, refusal.status, refusal.reason);
    }
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      socket.off('error', onError);
      this.#accept(client, request.socket);
    });
  }

  #refusal(request: IncomingMessage): { readonly status: number; readonly reason: string } | null {
    const reason = this.#doorkeeper.refusal(request);
    if (reason !== null) return { status: 403, reason };
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim());
    if (!offered.includes(subprotocol))
      return { status: 400, reason: `the WebSocket subprotocol must be ${subprotocol}` };
    if (this.#sockets.clients.size >= bounds.maxClientConnections) {
      return {
        status: 503,
        reason: `this member has ${bounds.maxClientConnections} client connections, which is its limit`,
      };
    }
    return null;
  }

  #accept(client: WebSocket, transport: Socket): void {
    client.binaryType = 'nodebuffer';
    const connection = this.#member.connectClient({
      send: (frame) => client.send(frame),
      get bufferedBytes(): number {
        return client.bufferedAmount;
      },
      pause: () => client.pause(),
      resume: () => client.resume(),
      close: () => client.close(),
    });
    this.#silence.watch(client, transport);
    client.on('message', (data: Buffer, isBinary) => {
      if (isBinary) connection.receive(data);
      else client.close(1003, 'binary frames only');
    });
    client.on('error', (error: NodeJS.ErrnoException) =>
      this.#log.warn(
        { error: error.message },
        error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
          ? `a client sent a frame of more than ${wireLimits.maxClientFrameBytes} bytes`
          : 'client connection broke',
      ),
    );
    client.on('close', () => connection.closed());
  }
}

export async function listen(server: NetServer, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Every connection that is open, also one that was or is being upgraded: of those the HTTP server itself knows nothing any more. */
export function connectionsOf(http: Server): ReadonlySet<Socket> {
  const connections = new Set<Socket>();
  http.on('connection', (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  return connections;
}

/** Lets nobody else in, gives the clients that are there a moment to take what was sent, then ends every connection. */
export async function closeServer(
  http: Server,
  sockets: WebSocketServer,
  connections: ReadonlySet<Socket>,
): Promise<void> {
  const ended = new Promise<void>((resolve) => http.close(() => resolve()));
  const open = [...sockets.clients];
  const closed = Promise.all(
    open.map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()))),
  );
  for (const socket of open) socket.close(1001);
  const timer = setTimeout(() => {
    for (const socket of open) socket.terminate();
  }, bounds.closeTimeoutMs);
  await closed;
  clearTimeout(timer);
  sockets.close();
  // Also who had connected already and was upgraded meanwhile, and who was refused and is not gone yet: the server waits for each of them.
  for (const socket of connections) socket.destroy();
  await ended;
}
