// A TCP proxy between a client and a member, or two members, that can be told to misbehave, in each direction by itself.
// TCP itself stays TCP: bytes are late, held back or lost with their connection, but never reordered or dropped in the middle.
import { connect, createServer, type Server, type Socket } from 'node:net';

/** `forward`: from who connected to the target. */
export type Direction = 'forward' | 'backward';

export interface Weather {
  /** Each chunk arrives this much later. */
  readonly delayMs?: number;
  /** And up to this much more, by chance; the order stays. */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
  /** Nothing arrives, and neither side hears that the other closed: a cable that was pulled. What is held back arrives after `heal`. */
  readonly cut?: boolean;
}

export interface ProxyOptions {
  readonly targetPort: number;
  readonly targetHost?: string;
  /** In [0, 1); for jitter. */
  readonly random?: () => number;
  /**
   * Who a connection comes from, as far as its first bytes tell: null as long as they do not. From then on what is said of that caller
   * alone is true of it; the bytes that told are already subject to it.
   */
  readonly callerOf?: (sent: Buffer) => string | null;
}

/** Beyond this, a direction stops reading: the sender feels the back pressure that a dead link has. */
const maxHeldBytes = 4 * 1024 * 1024;
const chunkBytes = 16 * 1024;
/** Who has not said by then who it is never will. */
const maxIntroductionBytes = 16 * 1024;

/** What lets one side believe in a connection that the other has forgotten. */
export type Side = 'caller' | 'target';

export class Proxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #options: ProxyOptions;
  readonly #links = new Set<Link>();
  readonly #weather: Record<Direction, Weather> = { forward: {}, backward: {} };
  readonly #weatherOf = new Map<string, Readonly<Record<Direction, Weather>>>();
  #refusing = false;
  #accepted = 0;

  private constructor(options: ProxyOptions, server: Server) {
    this.#options = options;
    this.#server = server;
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** Listens on a free port of 127.0.0.1. */
  static async start(options: ProxyOptions): Promise<Proxy> {
    const server = createServer({ allowHalfOpen: true });
    const proxy = new Proxy(options, server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
    return address.port;
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Since the start, refused ones included. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Replaces the weather of one direction or of both, for connections that exist and those to come. */
  set(weather: Weather, ...directions: readonly Direction[]): void {
    for (const direction of directions.length > 0 ? directions : (['forward', 'backward'] as const)) {
      this.#weather[direction] = weather;
    }
    for (const link of this.#links) link.wake();
  }

  /** For the connections of one caller, those to come included, instead of what is said for all. */
  setFor(caller: string, weather: Readonly<Record<Direction, Weather>>): void {
    this.#weatherOf.set(caller, weather);
    for (const link of this.#links) link.wake();
  }

  /** One direction, or both: a partition in which connections stay open and silent. */
  cut(...directions: readonly Direction[]): void {
    this.set({ cut: true }, ...directions);
  }

  /** Resets every connection, or those of one caller. New ones are welcome unless `refuse` is set, which a killed process looks like. */
  drop(options: { readonly refuse?: boolean; readonly caller?: string } = {}): void {
    this.#refusing = options.refuse ?? this.#refusing;
    for (const link of this.#links) {
      if (options.caller === undefined || link.caller === options.caller) link.reset();
    }
  }

  /**
   * Resets one end of every connection, or of those of one caller, and leaves the other open and silent: a machine that lost its power
   * looks so to those who were connected to it.
   */
  halve(side: Side, caller?: string): void {
    for (const link of this.#links) if (caller === undefined || link.caller === caller) link.halve(side);
  }

  /** Fair weather for all. Connections that were cut go on with what was held back. */
  heal(): void {
    this.#refusing = false;
    this.#weatherOf.clear();
    this.set({});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#refusing = true;
    for (const link of this.#links) link.reset();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    this.#accepted++;
    if (this.#refusing) {
      client.on('error', ignore);
      client.resetAndDestroy();
      return;
    }
    const { callerOf, targetPort, targetHost = '127.0.0.1', random = Math.random } = this.#options;
    const target = connect({ port: targetPort, host: targetHost, allowHalfOpen: true, noDelay: true });
    client.setNoDelay(true);
    const introduction = new Introduction(callerOf ?? null);
    const weather = (direction: Direction): Weather => this.#weatherFor(introduction.caller)[direction];
    const pipes: [Pipe, Pipe] = [
      new Pipe(
        client,
        target,
        () => weather('forward'),
        random,
        (bytes) => introduction.hear(bytes),
      ),
      new Pipe(target, client, () => weather('backward'), random),
    ];
    const link = new Link([client, target], pipes, introduction, () => this.#links.delete(link));
    this.#links.add(link);
  }

  #weatherFor(caller: string | null): Readonly<Record<Direction, Weather>> {
    return (caller === null ? undefined : this.#weatherOf.get(caller)) ?? this.#weather;
  }
}

/** The first bytes of a connection, until they say whose it is. */
class Introduction {
  readonly #callerOf: ((sent: Buffer) => string | null) | null;
  #heard: Buffer = Buffer.alloc(0);
  #caller: string | null = null;

  constructor(callerOf: ((sent: Buffer) => string | null) | null) {
    this.#callerOf = callerOf;
  }

  get caller(): string | null {
    return this.#caller;
  }

  hear(bytes: Buffer): void {
    if (this.#callerOf === null || this.#caller !== null || this.#heard.length > maxIntroductionBytes) return;
    this.#heard = Buffer.concat([this.#heard, bytes]);
    this.#caller = this.#callerOf(this.#heard);
  }
}

/** One connection through the proxy. */
class Link {
  readonly #sockets: readonly [client: Socket, target: Socket];
  readonly #pipes: readonly [forward: Pipe, backward: Pipe];
  readonly #introduction: Introduction;

  constructor(
    sockets: readonly [Socket, Socket],
    pipes: readonly [Pipe, Pipe],
    introduction: Introduction,
    onClosed: () => void,
  ) {
    this.#sockets = sockets;
    this.#pipes = pipes;
    this.#introduction = introduction;
    for (const [index, socket] of sockets.entries()) {
      socket.on('error', () => pipes[index]?.fail());
      socket.once('close', () => {
        if (sockets.every(({ destroyed }) => destroyed)) onClosed();
      });
    }
  }

  get caller(): string | null {
    return this.#introduction.caller;
  }

  wake(): void {
    for (const pipe of this.#pipes) pipe.wake();
  }

  halve(side: Side): void {
    for (const pipe of this.#pipes) pipe.forget();
    const [client, target] = this.#sockets;
    (side === 'caller' ? client : target).resetAndDestroy();
  }

  reset(): void {
    for (const pipe of this.#pipes) pipe.stop();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

interface Held {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

/** One direction of one connection: what has arrived and is not yet due. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #weather: () => Weather;
  readonly #random: () => number;
  readonly #held: Held[] = [];
  #heldBytes = 0;
  #ending: 'end' | 'close' | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** With a rate: when the link is free for the next chunk. */
  #freeMs = 0;
  #forgotten = false;

  constructor(
    from: Socket,
    to: Socket,
    weather: () => Weather,
    random: () => number,
    listen: (bytes: Buffer) => void = ignore,
  ) {
    this.#from = from;
    this.#to = to;
    this.#weather = weather;
    this.#random = random;
    from.on('data', (bytes: Buffer) => {
      listen(bytes);
      this.#take(bytes);
    });
    from.once('end', () => this.#close('end'));
    from.once('close', () => this.#close('close'));
    to.on('drain', () => this.wake());
  }

  /** The source failed; the other side is closed when the weather lets it. */
  fail(): void {
    this.#close('close');
  }

  /** Nothing arrives any more, neither bytes nor an end; what still comes is swallowed. */
  forget(): void {
    this.#forgotten = true;
    this.stop();
    this.#from.resume();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#held.length = 0;
  }

  wake(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { cut = false, bytesPerSecond } = this.#weather();
    if (cut || this.#forgotten) return;
    while (this.#held.length > 0) {
      const now = performance.now();
      const { bytes, dueMs } = this.#held[0] as Held;
      const startMs = bytesPerSecond === undefined ? dueMs : Math.max(dueMs, this.#freeMs);
      if (startMs > now) {
        this.#timer = setTimeout(() => this.wake(), startMs - now);
        return;
      }
      if (this.#to.writableNeedDrain) return;
      this.#held.shift();
      this.#heldBytes -= bytes.length;
      if (bytesPerSecond !== undefined) this.#freeMs = now + (bytes.length / bytesPerSecond) * 1000;
      if (!this.#to.destroyed) this.#to.write(bytes);
    }
    if (this.#heldBytes < maxHeldBytes) this.#from.resume();
    if (this.#ending === 'end' && !this.#to.destroyed) this.#to.end();
    if (this.#ending === 'close' && !this.#to.destroyed) this.#to.destroySoon();
  }

  #take(bytes: Buffer): void {
    if (this.#forgotten) return;
    const { delayMs = 0, jitterMs = 0 } = this.#weather();
    const dueMs = Math.max(this.#held.at(-1)?.dueMs ?? 0, performance.now() + delayMs + jitterMs * this.#random());
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      this.#held.push({ bytes: bytes.subarray(at, at + chunkBytes), dueMs });
    }
    this.#heldBytes += bytes.length;
    if (this.#heldBytes >= maxHeldBytes) this.#from.pause();
    if (this.#timer === undefined) this.wake();
  }

  #close(ending: 'end' | 'close'): void {
    if (this.#forgotten) this.#from.destroy();
    if (this.#ending === 'close') return;
    this.#ending = ending;
    if (this.#timer === undefined) this.wake();
  }
}

function ignore(): void {}
