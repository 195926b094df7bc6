// Everything that the SDK knows of the world comes in through here, so that a simulator can drive it in virtual time.

export interface Clock {
  /** Monotonic milliseconds of any origin. Decides. */
  nowMs(): number;
  /** Milliseconds since 1970. Only tells whether the machine slept. */
  wallMs(): number;
}

export type Cancel = () => void;

export interface Timers {
  /** Keeps the process alive until it has run or was cancelled: a deadline that must fire is of no use otherwise. */
  after(delayMs: number, run: () => void): Cancel;
  /** At the end of this turn of the event loop: what was asked in one turn leaves in one frame. */
  soon(run: () => void): void;
}

export interface Random {
  /** 0 <= x < 1. For jitter. */
  fraction(): number;
  /** Unpredictable bytes: session secrets, idempotency keys. */
  bytes(length: number): Uint8Array;
}

/** What a socket tells. `closed` comes once, and nothing after it. */
export interface SocketEvents {
  opened(): void;
  received(frame: Uint8Array): void;
  closed(reason: string): void;
}

export interface Socket {
  send(frame: Uint8Array): void;
  /** Nothing is told any more after this. */
  close(): void;
}

/** Opens a WebSocket with the subprotocol. Never throws: what is wrong with the URL is told by `closed`. */
export type OpenSocket = (url: string, events: SocketEvents) => Socket;

export interface Environment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly openSocket: OpenSocket;
  /** Something that has nobody to be told to: a listener of the application threw. */
  readonly report: (error: unknown, where: string) => void;
}
