import type { Random } from '../random.ts';
import type { Pending } from './client-call.ts';

/** As docs/protocol.md says: for clocks that run at different rates. */
const deadlineShare = 0.99;

/** A session as its client keeps it: what it holds, what it waits for, and until when by its own clock. */
export class ClientSession {
  /** Null until it is opened. */
  id: number | null = null;
  readonly secret: Uint8Array;
  readonly ttlMs: number;
  epoch = 0;
  nextSequence = 1;
  /** When the last open was sent. */
  openedAtMs = 0;
  /** Acquires that were answered `queued`, by their sequences, which must not be given up. */
  readonly waiting: Map<number, Pending> = new Map();
  /** Fences by lock. */
  readonly holds: Map<string, number> = new Map();
  /** Acquires that were granted or taken back: a repeated answer does not revive them. */
  readonly concluded: Set<number> = new Set();
  #deadlineMs = 0;

  constructor(ttlMs: number, random: Random) {
    this.ttlMs = ttlMs;
    this.secret = Uint8Array.from({ length: 16 }, () => random.integer(0, 256));
  }

  isAlive(nowMs: number): boolean {
    return this.id !== null && nowMs < this.#deadlineMs;
  }

  broken(id: number, fence: number): void {
    if (id !== this.id) return;
    for (const [lock, held] of this.holds) if (held === fence) this.holds.delete(lock);
  }

  opened(id: number): void {
    this.id = id;
    this.#deadlineMs = this.openedAtMs + this.ttlMs * deadlineShare;
  }

  /** By the answer to something that was sent at `sentAtMs`. Once it was given up it stays so. */
  confirmed(sentAtMs: number, nowMs: number): void {
    if (!this.isAlive(nowMs)) return;
    this.#deadlineMs = Math.max(this.#deadlineMs, sentAtMs + this.ttlMs * deadlineShare);
  }
}
