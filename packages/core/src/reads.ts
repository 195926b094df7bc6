import { assert } from './assertion.ts';
import type { ReadRequestId, ReadSequence } from './message.ts';
import type { Outbox } from './output.ts';
import { integerBetween, type Prng } from './prng.ts';
import type { Index, MemberId, Millis, ReadId } from './types.ts';

/** A batch of a follower's reads, for whom it asks. */
interface ReadRequest {
  readonly member: MemberId;
  readonly request: ReadRequestId;
}

export interface Round {
  readonly sequence: ReadSequence;
  /** The commit index before the round's heartbeats left: no read acknowledged earlier can have seen more. */
  readonly index: Index;
  readonly local: readonly ReadId[];
  readonly requests: readonly ReadRequest[];
}

/**
 * Reads on their way through ReadIndex (Raft §8, thesis §6.4), without an entry in the log.
 *
 * As leader: `waiting` readers of its own, and `requests` of followers, join the next round; a round is numbered, its heartbeats carry the number, and a majority that answers it,
 * or a later one, confirms that this was still the leader when the round began. The number is minted here and belongs to the term:
 * never the client's own id, which a late answer to an earlier attempt could confirm (etcd #20418).
 *
 * As follower: readers are asked for in batches, under a request number of this member.
 */
export class Reads {
  waiting: ReadId[] = [];
  requests: ReadRequest[] = [];
  readonly rounds: Round[] = [];
  /** Of the newest round of heartbeats, with readers or without. */
  sequence: ReadSequence = 0;

  /** Follower: readers of the next request to the leader. */
  unasked: ReadId[] = [];
  readonly asked: Map<ReadRequestId, readonly ReadId[]> = new Map();
  /** When requests that were not answered are sent again. */
  retryDeadline: Millis = Number.POSITIVE_INFINITY;
  #nextRequest: ReadRequestId;

  constructor(prng: Prng) {
    // Begins anywhere, so that an answer to a request from before a restart is not taken for an answer to a new one.
    this.#nextRequest = integerBetween(prng, 1, 2 ** 52);
  }

  nextRequest(): ReadRequestId {
    return this.#nextRequest++;
  }

  /** Readers of this member that have no answer yet. */
  get localCount(): number {
    let count = this.waiting.length + this.unasked.length;
    for (const ids of this.asked.values()) count += ids.length;
    for (const round of this.rounds) count += round.local.length;
    return count;
  }

  get hasWaiting(): boolean {
    return this.waiting.length > 0 || this.requests.length > 0;
  }

  /**
   * Asked again before the first was answered: one answer serves both. Bounded: what does not fit is asked for again (a follower that
   * restarts leaves requests behind that nobody waits for any more).
   */
  addRequest(member: MemberId, request: ReadRequestId, maxRequests: number): void {
    const isKnown = this.requests.some((known) => known.member === member && known.request === request);
    if (!isKnown && this.requests.length < maxRequests) this.requests.push({ member, request });
  }

  nextSequence(): ReadSequence {
    this.sequence++;
    return this.sequence;
  }

  /** The heartbeats with this number have left for everything that waits. */
  startRound(sequence: ReadSequence, index: Index): void {
    assert(this.hasWaiting, 'a round without readers');
    this.rounds.push({ sequence, index, ...this.takeWaiting() });
  }

  takeWaiting(): Pick<Round, 'local' | 'requests'> {
    const waiting = { local: this.waiting, requests: this.requests };
    this.waiting = [];
    this.requests = [];
    return waiting;
  }

  /** The rounds up to `sequence` are confirmed. */
  takeConfirmed(sequence: ReadSequence): Round[] {
    const end = this.rounds.findIndex((round) => round.sequence > sequence);
    return this.rounds.splice(0, end === -1 ? this.rounds.length : end);
  }

  /** Leadership moved: nothing that waits can be confirmed any more. Readers elsewhere notice by themselves. */
  abandon(outbox: Outbox, leaderHint: MemberId | null): void {
    const asLeader = [...this.rounds.flatMap((round) => round.local), ...this.waiting];
    for (const id of [...asLeader, ...[...this.asked.values()].flat(), ...this.unasked]) {
      outbox.failed.push({ what: 'read', id, reason: 'leadership-lost', detail: null, leaderHint });
    }
    this.waiting = [];
    this.requests = [];
    this.rounds.length = 0;
    this.unasked = [];
    this.asked.clear();
    this.retryDeadline = Number.POSITIVE_INFINITY;
  }
}
