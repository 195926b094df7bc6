import { decodeHello, type Lane, type Member, type MemberId } from '@conclave/member';
import type { Logger } from 'pino';
import { WebSocket } from 'ws';
import { bounds } from './bounds.ts';
import { peerSubprotocol, removedCode } from './peer-listener.ts';

/** One lane to one peer: dialled, greeted, and dialled again when it breaks. Only sends. */
export class PeerLink {
  readonly #peer: MemberId;
  readonly #lane: Lane;
  /** Tried in turn, from the likeliest on. */
  #urls: readonly string[] = [];
  readonly #member: () => Member;
  readonly #log: Logger;
  #socket: WebSocket | null = null;
  #ready = false;
  #closed = false;
  #attempts = 0;
  #retry: NodeJS.Timeout | null = null;
  #pings: NodeJS.Timeout | null = null;
  #unanswered = 0;
  readonly #onSilence: () => void;

  /** `onSilence`: the other side does not answer any more, although the connection stands. */
  constructor(peer: MemberId, lane: Lane, member: () => Member, log: Logger, onSilence: () => void) {
    this.#peer = peer;
    this.#lane = lane;
    this.#member = member;
    this.#log = log.child({ peer, lane });
    this.#onSilence = onSilence;
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
    socket.on('open', () => {
      this.#unanswered = 0;
      this.#pings ??= setInterval(() => this.#ping(), bounds.peerPingIntervalMs);
      socket.send(this.#member().hello(this.#peer));
    });
    socket.on('pong', () => {
      this.#unanswered = 0;
    });
    socket.on('message', (data: Buffer) => this.#greeted(socket, data));
    socket.on('error', (error) => this.#log.debug({ error: error.message }, 'link failed'));
    socket.on('close', (code, reason) => {
      if (code === removedCode) this.#member().toldRemoved(this.#peer);
      this.#broken(socket, reason.toString());
    });
  }

  /** False when it was dropped: not connected, or too much waits already. */
  send(frame: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === null || !this.#ready || socket.bufferedAmount > bounds.maxPeerBufferedBytes) return false;
    socket.send(frame);
    return true;
  }

  close(): void {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#pings !== null) clearInterval(this.#pings);
    this.#socket?.terminate();
  }

  /** What stands is given up and dialled anew. */
  renew(): void {
    this.#socket?.terminate();
  }

  /**
   * Only sends, so nothing else tells it that the other end is gone (a machine without power, a forgetful middlebox). Counted, not timed: after a
   * pause of this process the answers that wait are read before the next count. The answer on a lane with much under way comes late.
   */
  #ping(): void {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (this.#unanswered >= bounds.maxUnansweredPings[this.#lane]) this.#onSilence();
    else {
      this.#unanswered++;
      socket.ping();
    }
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
