import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import {
  decodeHello,
  type Member,
  type MemberId,
  PeerRefusedError,
  type PeerRoute,
  type Verdict,
} from '@conclave/member';
import type { Logger } from 'pino';
import { type WebSocket, WebSocketServer } from 'ws';
import { bounds } from './bounds.ts';
import { closeServer, connectionsOf, listen } from './client-listener.ts';
import type { Endpoint } from './options.ts';
import { type SilenceBounds, SilenceWatch } from './silence.ts';

export const peerSubprotocol = 'conclave-peer.v1';

/** Of a WebSocket that is closed because its member was turned away for good. */
export const verdictCodes: Readonly<Record<Verdict, number>> = { removed: 4001, lost: 4002 };
const policyCode = 1008;

/** Of both ends of a link. */
export const peerSilence: SilenceBounds = {
  pingIntervalMs: bounds.peerPingIntervalMs,
  silenceMs: bounds.peerSilenceMs,
};

/** Where the other members connect, once for each lane. What comes here is only read; what this member sends goes over its own links. */
export class PeerListener {
  readonly #member: Member;
  readonly #log: Logger;
  readonly #http: Server;
  readonly #connections: ReadonlySet<Socket>;
  readonly #sockets: WebSocketServer;
  readonly #admitted = new Map<WebSocket, MemberId>();
  readonly #silence = new SilenceWatch(peerSilence);

  constructor(member: Member, log: Logger) {
    this.#member = member;
    this.#log = log;
    this.#http = createServer((_request, response) => response.writeHead(426).end('members connect here\n'));
    this.#connections = connectionsOf(this.#http);
    this.#http.headersTimeout = bounds.headersTimeoutMs;
    this.#sockets = new WebSocketServer({
      server: this.#http,
      maxPayload: bounds.maxPeerFrameBytes,
      perMessageDeflate: false,
      handleProtocols: (offered) => (offered.has(peerSubprotocol) ? peerSubprotocol : false),
      // A browser has no business here, whatever page it shows.
      verifyClient: ({ req }: { readonly req: IncomingMessage }) => req.headers.origin === undefined,
    });
    this.#sockets.on('connection', (socket, request) => {
      this.#silence.watch(socket, request.socket);
      this.#accept(socket);
    });
    // The HTTP server's own errors come here a second time; `listen` rejects with them.
    this.#sockets.on('error', () => {});
  }

  async listen({ host, port }: Endpoint): Promise<number> {
    return listen(this.#http, host, port);
  }

  async close(): Promise<void> {
    this.#silence.close();
    await closeServer(this.#http, this.#sockets, this.#connections);
  }

  /** Nobody else is listened to any more. */
  reach(peers: readonly PeerRoute[]): void {
    const wanted = new Set(peers.map(({ id }) => id));
    for (const [socket, peer] of this.#admitted) {
      if (!wanted.has(peer)) this.#drop(socket, `member ${peer} is not, or no longer, in this cluster`);
    }
  }

  #accept(socket: WebSocket): void {
    let from: MemberId | null = null;
    const timer = setTimeout(
      () => this.#drop(socket, `no hello within ${bounds.peerHelloTimeoutMs} ms`),
      bounds.peerHelloTimeoutMs,
    );
    socket.on('error', (error) => this.#log.warn({ error: error.message }, 'a link from a peer broke'));
    socket.on('close', () => {
      clearTimeout(timer);
      this.#admitted.delete(socket);
    });
    socket.on('message', (data: Buffer) => {
      // It is being closed: what comes still is nobody's.
      if (socket.readyState !== socket.OPEN) return;
      if (from !== null) return this.#receive(socket, from, data);
      clearTimeout(timer);
      // Nothing behind the hello is read before it is decided on: a peer's store is on record before its first message counts.
      socket.pause();
      this.#admit(data).then(
        (peer) => {
          if (socket.readyState !== socket.OPEN) return;
          from = peer;
          this.#admitted.set(socket, peer);
          socket.send(this.#member.hello(peer));
          socket.resume();
        },
        (error: unknown) => this.#refuse(socket, error),
      );
    });
  }

  async #admit(data: Buffer): Promise<MemberId> {
    const hello = decodeHello(data);
    await this.#member.admit(hello);
    return hello.memberId;
  }

  #receive(socket: WebSocket, from: MemberId, data: Buffer): void {
    try {
      this.#member.receivePeer(from, data);
    } catch (error) {
      this.#drop(socket, `member ${from}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #refuse(socket: WebSocket, error: unknown): void {
    const verdict = error instanceof PeerRefusedError ? error.verdict : null;
    const code = verdict === null ? policyCode : verdictCodes[verdict];
    this.#drop(socket, error instanceof Error ? error.message : String(error), code);
  }

  #drop(socket: WebSocket, reason: string, code = policyCode): void {
    this.#log.warn({ reason }, 'dropped a link from a peer');
    socket.close(code, reason.slice(0, 120));
    // A socket that is not read never sees the peer's answer to the close: the peer would learn of it half a minute later.
    socket.resume();
  }
}
