import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

export interface SilenceBounds {
  readonly pingIntervalMs: number;
  /** Counted in whole ping intervals. */
  readonly silenceMs: number;
}

interface Watched {
  readonly transport: Socket;
  bytesRead: number;
  bytesSent: number;
  silentLooks: number;
}

/**
 * Ends connections that are dead without anybody having said so: a machine that lost its power, a firewall that forgot them. TCP alone
 * notices that after a quarter of an hour, or never on the side that only reads. Every socket is looked at in one rhythm, and pinged, which
 * the other side answers; one from which nothing at all came for too many looks is terminated, and its `close` comes at once.
 *
 * Looks are counted, and not the time: while this process stood still it heard nobody.
 */
export class SilenceWatch {
  readonly #maxSilentLooks: number;
  readonly #watched = new Map<WebSocket, Watched>();
  readonly #timer: NodeJS.Timeout;

  constructor({ pingIntervalMs, silenceMs }: SilenceBounds) {
    this.#maxSilentLooks = Math.max(1, Math.floor(silenceMs / pingIntervalMs));
    // After a stall the event loop runs timers before it reads sockets: what has come meanwhile is read first.
    this.#timer = setInterval(() => setImmediate(() => this.#look()), pingIntervalMs);
    this.#timer.unref();
  }

  /** From now on, until it closes. `transport` is what `socket` runs over. */
  watch(socket: WebSocket, transport: Socket): void {
    this.#watched.set(socket, { transport, bytesRead: -1, bytesSent: 0, silentLooks: 0 });
    socket.once('close', () => this.#watched.delete(socket));
  }

  close(): void {
    clearInterval(this.#timer);
    this.#watched.clear();
  }

  #look(): void {
    for (const [socket, watched] of this.#watched) {
      if (socket.readyState !== socket.OPEN) continue;
      watched.silentLooks = isAlive(socket, watched) ? 0 : watched.silentLooks + 1;
      if (watched.silentLooks >= this.#maxSilentLooks) socket.terminate();
      else socket.ping();
    }
  }
}

function isAlive(socket: WebSocket, watched: Watched): boolean {
  const { bytesRead, bytesWritten, writableLength } = watched.transport;
  const bytesSent = bytesWritten - writableLength;
  const hasRead = bytesRead > watched.bytesRead;
  // The ping waits behind what is leaving still: a slow link, not a dead one.
  const isSending = writableLength > 0 && bytesSent > watched.bytesSent;
  watched.bytesRead = bytesRead;
  watched.bytesSent = bytesSent;
  // Nobody reads it at the moment, so that an answer may lie in it.
  return hasRead || isSending || socket.isPaused;
}
