import type { Acknowledged, HardState } from '@conclave/core';
import { compareAcknowledged } from './storage.ts';

/** What this member has promised to others and must never go back behind. Kept in the log's meta record and in the anchor. */
export interface Pledge extends Pick<HardState, 'term' | 'vote'> {
  readonly acknowledged: Acknowledged;
}

export const noPledge: Pledge = {
  term: 0 as Pledge['term'],
  vote: null,
  acknowledged: { term: 0 as Acknowledged['term'], index: 0 as Acknowledged['index'] },
};

/**
 * In which way `held` falls behind what `witness` saw; null when it does not. A log ahead of its witness is normal: the witness is
 * always written second.
 */
export function brokenPledge(held: Pledge, witness: Pledge): string | null {
  if (held.term < witness.term) return `its term is ${held.term}, and it once was in term ${witness.term}`;
  if (held.term === witness.term && witness.vote !== null && held.vote !== witness.vote) {
    return `in term ${held.term} it ${votedFor(held)}, and it once ${votedFor(witness)}`;
  }
  if (compareAcknowledged(held.acknowledged, witness.acknowledged) < 0) {
    return `it holds what it acknowledged up to ${position(held)}, and it once acknowledged ${position(witness)}`;
  }
  return null;
}

function votedFor(pledge: Pledge): string {
  return pledge.vote === null ? 'has not voted' : `voted for member ${pledge.vote}`;
}

function position({ acknowledged }: Pledge): string {
  return `index ${acknowledged.index} in term ${acknowledged.term}`;
}
