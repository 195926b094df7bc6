import { assert } from './assertion.ts';
import type { ReadRequestId, ReadSequence } from './message.ts';
import type { Outbox } from './output.ts';
import { integerBetween, type Prng } from './prng.ts';
import type { Index, MemberId, Millis, ReadId } from './types.ts';

/** Who waits for a read index: a reader of this member, or a follower's batch. */
export type Reader = { readonly local: ReadId } | { readonly member: MemberId; readonly request: ReadRequestId };

interface Round {
  readonly sequence: ReadSequence;
  /** The commit index before the round's heartbeats left: no read acknowledged earlier can have seen more. */
  readonly index: Index;
  readonly readers: readonly Reader[];
}

/**
 * Reads on their way through ReadIndex (Raft §8, thesis §6.4), without an entry in the log.
 *
 * As leader: `waiting` readers join the next round; a round is numbered, its heartbeats carry the number, and a majority that answers it,
 * or a later one, confirms that this was still the leader when the round began. The number is minted here and belongs to the term:
 * never the client's own id, which a late answer to an earlier attempt could confirm (etcd #20418).
 *
 * As follower: readers are asked for in batches, under a request number of this member.
 */
export class Reads {
  waiting: Reader[] = [];
  readonly rounds: Round[] = [];
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
    for (const round of this.rounds) count += round.readers.length;
    return count;
  }

  startRound(index: Index): ReadSequence {
    assert(this.waiting.length > 0, 'a round without readers');
    this.sequence++;
    this.rounds.push({ sequence: this.sequence, index, readers: this.waiting });
    this.waiting = [];
    return this.sequence;
  }

  /** The rounds up to `sequence` are confirmed. */
  takeConfirmed(sequence: ReadSequence): Round[] {
    const end = this.rounds.findIndex((round) => round.sequence > sequence);
    return this.rounds.splice(0, end === -1 ? this.rounds.length : end);
  }

  /** Leadership moved: nothing that waits can be confirmed any more. Readers elsewhere notice by themselves. */
  abandon(outbox: Outbox, leaderHint: MemberId | null): void {
    const readers = [...this.rounds.flatMap((round) => round.readers), ...this.waiting];
    const local = readers.flatMap((reader) => ('local' in reader ? [reader.local] : []));
    for (const id of [...local, ...[...this.asked.values()].flat(), ...this.unasked]) {
      outbox.failed.push({ what: 'read', id, reason: 'leadership-lost', leaderHint });
    }
    this.waiting = [];
    this.rounds.length = 0;
    this.unasked = [];
    this.asked.clear();
    this.retryDeadline = Number.POSITIVE_INFINITY;
  }
}
