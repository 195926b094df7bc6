import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { bounds } from './bounds.ts';

export interface SilenceBounds {
  readonly pingIntervalMs: number;
  /** Counted in whole ping intervals. */
  readonly silenceMs: number;
}

interface Watched {
  readonly transport: Socket;
  bytesRead: number;
  /** How many of the bytes written have arrived, as far as the pongs tell. */
  bytesArrived: number;
  /** What was written before each ping that was not answered, oldest first. */
  marks: number[];
  silentLooks: number;
}

/**
 * Ends connections that are dead without anybody having said so: a machine that lost its power, a firewall that forgot them. TCP alone
 * notices that after a quarter of an hour, or never on the side that only reads. Every socket is looked at in one rhythm, and pinged, which
 * the other side answers; one from which nothing at all came for too many looks is terminated, and its `close` comes at once.
 *
 * A ping waits behind what was sent before it, so the patience grows with what must arrive before the next pong can. How much that is nobody
 * here can see: a write counts as done when the kernel has it, which holds megabytes, and says nothing of them. So each ping carries how much was
 * written before it, and its pong says that this has arrived; and who sends much says so, so that there is a ping behind each piece of it. To look at progress in the socket's queue instead would not do: the kernel takes more only
 * when a third of its own buffer is free again, which at a slow link's rate is longer than the patience, and then nothing is queued at all.
 *
 * Looks are counted, and not the time: while this process stood still it heard nobody.
 */
export class SilenceWatch {
  readonly #maxSilentLooks: number;
  readonly #minBytesPerLook: number;
  readonly #bytesBetweenPings: number;
  readonly #watched = new Map<WebSocket, Watched>();
  readonly #timer: NodeJS.Timeout;

  constructor({ pingIntervalMs, silenceMs }: SilenceBounds) {
    this.#maxSilentLooks = Math.max(1, Math.floor(silenceMs / pingIntervalMs));
    this.#minBytesPerLook = (bounds.minSendBytesPerSecond * pingIntervalMs) / 1_000;
    this.#bytesBetweenPings = looksBetweenPings * this.#minBytesPerLook;
    // After a stall the event loop runs timers before it reads sockets: what has come meanwhile is read first.
    this.#timer = setInterval(() => setImmediate(() => this.#look()), pingIntervalMs);
    this.#timer.unref();
  }

  /** From now on, until it closes. `transport` is what `socket` runs over. */
  watch(socket: WebSocket, transport: Socket): void {
    const watched = { transport, bytesRead: -1, bytesArrived: transport.bytesWritten, marks: [], silentLooks: 0 };
    this.#watched.set(socket, watched);
    socket.on('pong', (data: Buffer) => arrived(watched, data));
    socket.once('close', () => this.#watched.delete(socket));
  }

  /** Something was handed to `socket` to send. */
  sent(socket: WebSocket): void {
    const watched = this.#watched.get(socket);
    if (watched === undefined) return;
    const since = watched.marks.at(-1) ?? watched.bytesArrived;
    if (watched.transport.bytesWritten - since >= this.#bytesBetweenPings) ping(socket, watched);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#watched.clear();
  }

  #look(): void {
    for (const [socket, watched] of this.#watched) {
      if (socket.readyState !== socket.OPEN) continue;
      watched.silentLooks = isAlive(socket, watched) ? 0 : watched.silentLooks + 1;
      if (watched.silentLooks >= this.#patience(watched)) socket.terminate();
      else ping(socket, watched);
    }
  }

  /** In looks. */
  #patience({ bytesArrived, marks, transport }: Watched): number {
    const next = marks[0] ?? transport.bytesWritten;
    const underWay = Math.min(next - bytesArrived, bounds.maxUnderWayBytes);
    return this.#maxSilentLooks + Math.floor(underWay / this.#minBytesPerLook);
  }
}

/** What a link of the least rate takes in so many looks. */
const looksBetweenPings = 2;

function ping(socket: WebSocket, { marks, transport }: Watched): void {
  marks.push(transport.bytesWritten);
  socket.ping(mark(transport.bytesWritten));
}

function isAlive(socket: WebSocket, watched: Watched): boolean {
  const { bytesRead } = watched.transport;
  const hasRead = bytesRead > watched.bytesRead;
  watched.bytesRead = bytesRead;
  // Nobody reads it at the moment, so that an answer may lie in it.
  return hasRead || socket.isPaused;
}

const markBytes = 8;

function mark(bytesWritten: number): Buffer {
  const data = Buffer.alloc(markBytes);
  data.writeDoubleBE(bytesWritten);
  return data;
}

/** A pong may come unasked, and say anything. */
function arrived(watched: Watched, data: Buffer): void {
  if (data.length !== markBytes) return;
  const bytesArrived = data.readDoubleBE();
  if (bytesArrived <= watched.bytesArrived || bytesArrived > watched.transport.bytesWritten) return;
  watched.bytesArrived = bytesArrived;
  watched.marks = watched.marks.filter((written) => written > bytesArrived);
}
