import { decodeHello, type Lane, type Member, type MemberId } from '@conclave/member';
import type { Logger } from 'pino';
import { WebSocket } from 'ws';
import { bounds } from './bounds.ts';
import { peerSubprotocol, verdictCodes } from './peer-listener.ts';
import type { SilenceWatch } from './silence.ts';

/** One lane to one peer: dialled, greeted, and dialled again when it breaks. Only sends. */
export class PeerLink {
  readonly #peer: MemberId;
  readonly #lane: Lane;
  /** Tried in turn, from the likeliest on. */
  #urls: readonly string[] = [];
  readonly #member: () => Member;
  readonly #log: Logger;
  readonly #silence: SilenceWatch;
  #socket: WebSocket | null = null;
  #ready = false;
  #closed = false;
  #attempts = 0;
  #retry: NodeJS.Timeout | null = null;

  constructor(peer: MemberId, lane: Lane, member: () => Member, log: Logger, silence: SilenceWatch) {
    this.#silence = silence;
    this.#peer = peer;
    this.#lane = lane;
    this.#member = member;
    this.#log = log.child({ peer, lane });
  }

  /** Where the peer may be found. A link that stands is left alone: who answers there has said who it is. */
  found(urls: readonly string[]): void {
    const isNews = urls.join() !== this.#urls.join();
    this.#urls = urls;
    if (!isNews || this.#socket !== null) return;
    this.#attempts = 0;
    this.#dialAfter(0);
  }

  #dialAfter(delayMs: number): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#dial(), delayMs);
  }

  #dial(): void {
    this.#retry = null;
    const url = this.#urls[this.#attempts % Math.max(1, this.#urls.length)];
    if (this.#closed || url === undefined) return;
    const socket = new WebSocket(new URL(`/${this.#lane}`, url).href, peerSubprotocol, {
      perMessageDeflate: false,
      handshakeTimeout: bounds.peerHelloTimeoutMs,
      maxPayload: bounds.maxPeerFrameBytes,
      // Masking protects proxies from browsers; between members it would cost a copy of every frame.
      generateMask: (mask) => mask.fill(0),
    });
    this.#socket = socket;
    socket.on('upgrade', ({ socket: transport }) => this.#silence.watch(socket, transport));
    socket.on('open', () => socket.send(this.#member().hello(this.#peer)));
    socket.on('message', (data: Buffer) => this.#greeted(socket, data));
    socket.on('error', (error) => this.#log.debug({ error: error.message }, 'link failed'));
    socket.on('close', (code, reason) => {
      for (const verdict of ['removed', 'lost'] as const) {
        if (code === verdictCodes[verdict]) this.#member().told(this.#peer, verdict);
      }
      this.#broken(socket, reason.toString());
    });
  }

  /** False when it was dropped: not connected, or too much waits already. */
  send(frame: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === null || !this.#ready || socket.bufferedAmount > bounds.maxPeerBufferedBytes) return false;
    socket.send(frame);
    this.#silence.sent(socket);
    return true;
  }

  /** Bytes that were sent and have not left yet. */
  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  close(): void {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#socket?.terminate();
  }

  /** The peer says who it is, and that it takes us: only now does this link carry anything. */
  #greeted(socket: WebSocket, data: Buffer): void {
    if (this.#ready || socket !== this.#socket) return;
    const hello = (): Promise<void> => {
      const said = decodeHello(data);
      if (said.memberId !== this.#peer)
        throw new Error(`member ${said.memberId} answers at the address of ${this.#peer}`);
      return this.#member().admit(said);
    };
    Promise.resolve()
      .then(hello)
      .then(
        () => {
          if (socket !== this.#socket || socket.readyState !== WebSocket.OPEN) return;
          this.#ready = true;
          this.#member().acceptedBy(this.#peer);
          this.#attempts = 0;
          this.#log.info('linked');
        },
        (error: unknown) => {
          this.#log.warn({ reason: error instanceof Error ? error.message : String(error) }, 'refused a peer');
          socket.terminate();
        },
      );
  }

  #broken(socket: WebSocket, reason: string): void {
    if (socket !== this.#socket || this.#closed) return;
    const wasReady = this.#ready;
    this.#socket = null;
    this.#ready = false;
    if (wasReady) {
      this.#log.warn({ reason }, 'link lost');
      this.#member().peerLost(this.#peer, this.#lane);
    } else if (reason !== '') {
      this.#log.warn({ reason }, 'the peer refused the link');
    }
    const ceiling = Math.min(bounds.maxReconnectMs, bounds.minReconnectMs * 2 ** this.#attempts++);
    this.#dialAfter(ceiling * (0.5 + Math.random() / 2));
  }
}
