import { joinFrame, wireLimits } from '@conclave/protocol';
import type { Timers } from '../environment.ts';

/** The array header in front of the messages of a frame. */
const frameHeaderBytes = 3;

/** Messages of one turn of the event loop leave in one frame, or in as few as the limits allow: a frame of 16 costs a fifth of 16 frames. */
export class FrameWriter {
  readonly #send: (frame: Uint8Array) => void;
  readonly #timers: Timers;
  #messages: Uint8Array[] = [];
  #bytes = frameHeaderBytes;
  #scheduled = false;
  maxFrameBytes: number = wireLimits.maxClientFrameBytes;

  constructor(timers: Timers, send: (frame: Uint8Array) => void) {
    this.#timers = timers;
    this.#send = send;
  }

  add(message: Uint8Array): void {
    const full = this.#messages.length >= wireLimits.maxFrameMessages;
    if (full || this.#bytes + message.length > this.maxFrameBytes) this.flush();
    this.#messages.push(message);
    this.#bytes += message.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#timers.soon(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  flush(): void {
    const messages = this.#messages;
    if (messages.length === 0) return;
    this.#messages = [];
    this.#bytes = frameHeaderBytes;
    this.#send(joinFrame(messages));
  }
}
