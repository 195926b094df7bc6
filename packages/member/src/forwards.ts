import type { MemberId } from '@conclave/core';
import { limits } from '@conclave/protocol';
import type { Clock } from './environment.ts';
import type { Mutation } from './mutation.ts';
import type { PeerLinks } from './peer/links.ts';
import type { PeerRequestId } from './peer/message.ts';
import { bounds } from './settings.ts';

interface Forwarded {
  readonly mutation: Mutation;
  readonly atMs: number;
  /** When it was first seen that something sent later had been answered: so it has arrived long ago. */
  overtakenMs: number | null;
}

/** Nothing of a frame is worked on before the last byte of it is there. */
const largestFrameBytes = bounds.peerFrameBytes + limits.maxOperationBytes;

/**
 * Mutations that were passed on to the leader, which has not said yet where they stand. Never more of them than a window, as core has one
 * for appends: what is beyond it waits with its client's others, where clients are served in turn and nothing is lost with a connection,
 * and not in a socket.
 */
export class Forwards {
  readonly #links: PeerLinks;
  readonly #clock: Clock;
  /** In the order in which they were sent. */
  readonly #unanswered = new Map<PeerRequestId, Forwarded>();
  #bytes = 0;
  /** When the leader last answered anything, be it what nobody waits for any more. */
  #heardMs = Number.NEGATIVE_INFINITY;
  #newestAnswered: PeerRequestId = 0;

  constructor(links: PeerLinks, clock: Clock) {
    this.#links = links;
    this.#clock = clock;
  }

  /** Bytes that may be passed on now; none when it is not positive. The last mutation may go beyond it. */
  roomFor(leader: MemberId): number {
    // What was sent under an earlier leadership, or before it was given up, may still stand in the socket: it would be dropped behind that.
    if (this.#links.bulkBacklogBytes(leader) > bounds.forwardWindowBytes) return 0;
    return bounds.forwardWindowBytes - this.#bytes;
  }

  pass(leader: MemberId, mutation: Mutation): void {
    const request = this.#links.takeRequest();
    mutation.openAttempts++;
    this.#bytes += mutation.bytes;
    this.#unanswered.set(request, { mutation, atMs: this.#clock.nowMs(), overtakenMs: null });
    this.#links.send(leader, { type: 'forward', request, ...mutation.intent });
  }

  /** The leader has said something of it. Null when nobody waits for that any more. */
  answered(request: PeerRequestId): Mutation | null {
    this.#heardMs = this.#clock.nowMs();
    const forwarded = this.#unanswered.get(request);
    if (forwarded === undefined) return null;
    // Only of what this life of the member has asked: the numbers of an earlier one may be larger.
    this.#newestAnswered = Math.max(this.#newestAnswered, request);
    this.#forget(request, forwarded);
    return forwarded.mutation;
  }

  /** All of them, which are none any more: they may be lost. */
  recall(): Mutation[] {
    return this.remove(() => true);
  }

  remove(unwanted: (mutation: Mutation) => boolean): Mutation[] {
    return this.#removeWhere(({ mutation }) => unwanted(mutation));
  }

  /**
   * Those that are most likely lost though the link is not, or their answers are, and may be sent again. Having been sent says nothing of
   * when a mutation was there: patience begins with the last sign that the leader gets and answers what goes to it.
   */
  takeUnheard(nowMs: number): Mutation[] {
    const underWay = Math.min(this.#bytes, largestFrameBytes);
    const silenceMs = bounds.forwardPatienceMs + (underWay / bounds.minForwardBytesPerSecond) * 1_000;
    return this.#removeWhere((forwarded, request) => {
      if (!forwarded.mutation.isRepeatable) return false;
      if (request > this.#newestAnswered) return nowMs - Math.max(forwarded.atMs, this.#heardMs) >= silenceMs;
      forwarded.overtakenMs ??= nowMs;
      return nowMs - forwarded.overtakenMs >= bounds.forwardPatienceMs;
    });
  }

  #removeWhere(unwanted: (forwarded: Forwarded, request: PeerRequestId) => boolean): Mutation[] {
    const removed: Mutation[] = [];
    for (const [request, forwarded] of this.#unanswered) {
      if (!unwanted(forwarded, request)) continue;
      this.#forget(request, forwarded);
      removed.push(forwarded.mutation);
    }
    return removed;
  }

  #forget(request: PeerRequestId, { mutation }: Forwarded): void {
    this.#unanswered.delete(request);
    this.#bytes -= mutation.bytes;
  }
}
