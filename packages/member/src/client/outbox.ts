import { encodeMemberFrame, type MemberMessage, wireLimits } from '@conclave/protocol';
import type { ClientSocket, Timers } from '../environment.ts';
import { bounds } from '../settings.ts';

/** What a message adds to its binary part, rounded up. */
const messageOverheadBytes = 256;

/** Messages to one client: all of one turn leave in one frame, or in as few as the limits allow. */
export class Outbox {
  readonly #socket: ClientSocket;
  readonly #timers: Timers;
  readonly #overrun: () => void;
  #messages: MemberMessage[] = [];
  #bytes = 0;
  #scheduled = false;
  #closed = false;

  /** `overrun`: the client takes nothing, and more waits for it than it may. */
  constructor(socket: ClientSocket, timers: Timers, overrun: () => void) {
    this.#socket = socket;
    this.#timers = timers;
    this.#overrun = overrun;
  }

  /** Whoever can wait, waits: there is more on the way than the client takes. */
  get isCongested(): boolean {
    return this.#socket.bufferedBytes + this.#bytes > bounds.maxClientBufferedBytes;
  }

  /** `binaryBytes`: of what the message carries as it is. */
  add(message: MemberMessage, binaryBytes = 0): void {
    if (this.#closed) return;
    const bytes = binaryBytes + messageOverheadBytes;
    const full = this.#messages.length >= wireLimits.maxFrameMessages;
    if (full || (this.#bytes + bytes > wireLimits.maxMemberFrameBytes && this.#messages.length > 0)) this.flush();
    this.#messages.push(message);
    this.#bytes += bytes;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#timers.soon(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  flush(): void {
    const messages = this.#messages;
    if (messages.length === 0 || this.#closed) return;
    this.#messages = [];
    this.#bytes = 0;
    this.#socket.send(encodeMemberFrame(messages));
    if (this.#socket.bufferedBytes > bounds.maxClientBacklogBytes) this.#overrun();
  }

  close(): void {
    this.flush();
    this.#closed = true;
  }
}
