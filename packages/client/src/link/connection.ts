import {
  decodeMemberFrame,
  encodeClientMessage,
  fromErrorBody,
  type Hello,
  type MemberMessage,
  ProtocolError,
  type Welcome,
} from '@conclave/protocol';
import type { Environment, Socket } from '../environment.ts';
import { FrameWriter } from './frame-writer.ts';

/** Why a connection ended. */
export interface ConnectionEnd {
  readonly reason: string;
  /** What the member said, or what it did wrong. Null: it just went. */
  readonly error: ProtocolError | null;
  /** Do not come back to this member sooner. */
  readonly retryAfterMs: number;
}

export interface ConnectionListener {
  /** Made when it leaves, so that epochs and times are those of this moment. */
  hello(): Hello;
  /** Before each frame is looked at. */
  arriving(): void;
  welcomed(welcome: Welcome, helloSentMs: number): void;
  message(message: MemberMessage): void;
  /** Once; nothing comes after it. */
  ended(end: ConnectionEnd): void;
}

/** One connection to one member, from its hello to its end. */
export class Connection {
  readonly url: string;
  readonly #environment: Environment;
  readonly #listener: ConnectionListener;
  readonly #writer: FrameWriter;
  readonly #socket: Socket;
  #state: 'opening' | 'greeting' | 'open' | 'ended' = 'opening';
  #helloSentMs = 0;

  constructor(environment: Environment, url: string, listener: ConnectionListener) {
    this.url = url;
    this.#environment = environment;
    this.#listener = listener;
    this.#writer = new FrameWriter(environment.timers, (frame) => {
      if (this.#state !== 'ended') this.#socket.send(frame);
    });
    this.#socket = environment.openSocket(url, {
      opened: () => this.#opened(),
      received: (frame) => this.#received(frame),
      closed: (reason) => this.end({ reason, error: null, retryAfterMs: 0 }),
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  send(message: Uint8Array): void {
    if (this.#state === 'open') this.#writer.add(message);
  }

  /** What was sent leaves before it closes. */
  close(): void {
    if (this.#state === 'ended') return;
    this.#writer.flush();
    this.#state = 'ended';
    this.#socket.close();
  }

  end(end: ConnectionEnd): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#socket.close();
    this.#listener.ended(end);
  }

  #opened(): void {
    if (this.#state !== 'opening') return;
    this.#state = 'greeting';
    this.#helloSentMs = this.#environment.clock.nowMs();
    this.#writer.add(encodeClientMessage(this.#listener.hello()));
    this.#writer.flush();
  }

  #received(frame: Uint8Array): void {
    if (this.#state === 'ended') return;
    this.#listener.arriving();
    try {
      for (const message of decodeMemberFrame(frame)) this.#handle(message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.end({ reason: error.message, error, retryAfterMs: 0 });
    }
  }

  #handle(message: MemberMessage): void {
    // The application may have closed the client while it was told the one before.
    if (this.#state === 'ended') return;
    if (message.type === 'goodbye') {
      const error = fromErrorBody(message.error);
      return this.end({ reason: error.message, error, retryAfterMs: message.retryAfterMs ?? 0 });
    }
    if (message.type !== 'welcome') {
      if (this.#state !== 'open') throw new ProtocolError('PROTOCOL', `${message.type} before the welcome`);
      return this.#listener.message(message);
    }
    if (this.#state !== 'greeting') throw new ProtocolError('PROTOCOL', 'welcome: it was said before');
    this.#state = 'open';
    this.#writer.maxFrameBytes = message.maxFrameBytes;
    this.#listener.welcomed(message, this.#helloSentMs);
  }
}
