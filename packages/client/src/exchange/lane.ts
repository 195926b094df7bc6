import type { ConclaveError } from '../error.ts';
import type { Request } from './request.ts';

/**
 * Requests that wait to leave, first come first served. A session has a lane of its own, which stands still while the session is not on
 * this connection: nobody else waits for it.
 */
export class Lane {
  /**
   * In front of all others: these have their sequences, and what is not numbered yet may have to wait until one of them is answered. Behind it
   * they would never leave.
   */
  #numbered = new Set<Request>();
  readonly #waiting = new Set<Request>();
  bytes = 0;
  /** Why nothing leaves, as far as somebody has said so. */
  obstacle: ConclaveError | null = null;
  /** Whether the next may leave. */
  readonly #isOpen: (request: Request) => boolean;

  constructor(isOpen: (request: Request) => boolean = () => true) {
    this.#isOpen = isOpen;
  }

  get length(): number {
    return this.#numbered.size + this.#waiting.size;
  }

  get first(): Request | null {
    for (const request of this.#numbered) return this.#isOpen(request) ? request : null;
    for (const request of this.#waiting) return this.#isOpen(request) ? request : null;
    return null;
  }

  add(request: Request): void {
    (request.isNumbered ? this.#numbered : this.#waiting).add(request);
    this.bytes += request.spec.bytes;
  }

  /** In front of all others: these left before, in this order, and leave again in it. */
  addInFront(requests: readonly Request[]): void {
    this.#numbered = new Set([...requests, ...this.#numbered]);
    for (const request of requests) this.bytes += request.spec.bytes;
  }

  remove(request: Request): void {
    if (this.#numbered.delete(request) || this.#waiting.delete(request)) this.bytes -= request.spec.bytes;
  }

  all(): readonly Request[] {
    return [...this.#numbered, ...this.#waiting];
  }
}
