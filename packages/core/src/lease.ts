import type { ReadSequence } from './message.ts';
import { reachedByQuorum } from './quorum.ts';
import type { Raft } from './raft.ts';
import type { Millis } from './types.ts';

/** Rounds of heartbeats whose time of sending is remembered. A majority that is further behind than this grants no lease. */
const maxRounds = 64;

/** When each round of heartbeats left. A lease is counted from there: the answers say only that they were heard some time after. */
export class Lease {
  #sent: { readonly sequence: ReadSequence; readonly at: Millis }[] = [];
  #isGivenUp = false;

  begin(): void {
    this.#sent = [];
    this.#isGivenUp = false;
  }

  sent(sequence: ReadSequence, at: Millis): void {
    this.#sent.push({ sequence, at });
    if (this.#sent.length > maxRounds) this.#sent.shift();
  }

  /** When the round left that a majority has answered, or a later one; long ago when it is not known. */
  sentAt(sequence: ReadSequence): Millis {
    return this.#sent.findLast((round) => round.sequence <= sequence)?.at ?? Number.NEGATIVE_INFINITY;
  }

  /** There will be none in this term any more. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }
}

/**
 * Whether nobody else can lead yet (thesis §6.4.1). Each voter that answered a round of heartbeats votes for nobody for an election
 * time after it, restarts included; a majority of them did, and any other leader needs one of those. Clocks are compared by their rates only:
 *
 *     leader  --sent---------------- lease ---------------|  margin  |
 *     voter   -------heard--------------------- votes for nobody --------------|
 *
 * A voter counts when its log has this term's first entry and the configuration in force: then it knows that leases are on.
 */
export function holdsLease(raft: Raft): boolean {
  const { configuration, configurations, lease, log, options, progress, reads } = raft;
  if (!configuration.leaseReads || lease.isGivenUp || raft.transfer !== null) return false;
  if (configurations.latestIndex > log.committed) return false;
  const known = Math.max(configurations.latestIndex, raft.termStart);
  const confirmed = reachedByQuorum(configuration, (member) => {
    if (member === options.id) return reads.sequence;
    const peer = progress.get(member);
    return peer !== undefined && peer.match >= known ? peer.readSequence : 0;
  });
  const { electionMs, leaseMarginMs, maxClockDrift } = options;
  const leaseMs = (electionMs * (1 - maxClockDrift)) / (1 + maxClockDrift) - leaseMarginMs;
  return raft.now < lease.sentAt(confirmed) + leaseMs;
}
