import type { ClientSocket } from '../environment.ts';
import { bounds } from '../settings.ts';

/** What a client has asked and not been answered. Above the window its socket is not read: it waits, and delays nobody. */
export class RequestWindow {
  readonly #socket: ClientSocket;
  #requests = 0;
  #bytes = 0;
  #paused = false;
  #closed = false;

  constructor(socket: ClientSocket) {
    this.#socket = socket;
  }

  /** Returns what is to be called, once, when the request has been answered. */
  enter(bytes: number): () => void {
    this.#requests++;
    this.#bytes += bytes;
    if (!this.#paused && !this.#closed && this.#isFull(1)) {
      this.#paused = true;
      this.#socket.pause();
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#requests--;
      this.#bytes -= bytes;
      if (!this.#paused || this.#closed || this.#isFull(0.5)) return;
      this.#paused = false;
      this.#socket.resume();
    };
  }

  /** The socket is gone; what is still answered is answered to nobody. */
  close(): void {
    this.#closed = true;
  }

  #isFull(share: number): boolean {
    return this.#requests >= bounds.windowRequests * share || this.#bytes >= bounds.windowBytes * share;
  }
}
