import type { MemberId, Message } from '@conclave/core';
import type { Clock } from '../environment.ts';

/**
 * A member that has just started votes for nobody until those who may know better of its disk had their say: an old copy of its directory would be
 * found out by one voter, and elect another one that knows nothing in the moment before. Every voter has accepted this process's hello, or has not
 * within an election timeout, in which one that can be reached would have answered. Requests that come before are as lost as on the network,
 * which every campaign stands. A campaign of its own begins no earlier, unless it has already followed a leader and lost it.
 */
export class Abstention {
  readonly #own: MemberId;
  readonly #clock: Clock;
  readonly #voters: () => readonly MemberId[];
  readonly #acceptedBy = new Set<MemberId>();
  readonly #untilMs: number;
  #isOver = false;

  constructor(
    { electionMs, id }: { readonly electionMs: number; readonly id: MemberId },
    clock: Clock,
    voters: () => readonly MemberId[],
  ) {
    this.#own = id;
    this.#clock = clock;
    this.#voters = voters;
    this.#untilMs = clock.nowMs() + electionMs;
  }

  acceptedBy(peer: MemberId): void {
    if (!this.#isOver) this.#acceptedBy.add(peer);
  }

  /** Whether a message is to be taken for lost. */
  drops(message: Message): boolean {
    if (this.#isOver || (message.type !== 'vote' && message.type !== 'preVote')) return false;
    this.#isOver = this.#clock.nowMs() >= this.#untilMs || this.#isAcceptedByAll();
    return !this.#isOver;
  }

  #isAcceptedByAll(): boolean {
    return this.#voters().every((voter) => voter === this.#own || this.#acceptedBy.has(voter));
  }
}
