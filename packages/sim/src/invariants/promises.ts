import type { AppendAccepted, Message, Vote, VoteResponse } from '@conclave/core';
import type { Host } from '../host.ts';
import type { Ledger } from '../ledger.ts';
import type { Observer } from '../observer.ts';
import { demand } from '../violation.ts';

interface Promised {
  term: number;
  acknowledgedTerm: number;
  acknowledgedIndex: number;
}

/**
 * Promises against disk images: what leaves a member is on its disk at that moment, and what came back after a crash is no less than what was
 * ever promised (after TigerBeetle, which watches the acknowledgements on its simulated wire).
 */
export class Promises implements Observer {
  readonly name = 'promises against disk images';
  readonly #ledger: Ledger;
  readonly #promised = new Map<number, Promised>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  started(host: Host): void {
    const promised = this.#of(host);
    const { acknowledged, hardState } = host.disk.image;
    demand(hardState.term >= promised.term, this.name, () => `${host.id} came back in a term before ${promised.term}`);
    const kept =
      acknowledged.term > promised.acknowledgedTerm ||
      (acknowledged.term === promised.acknowledgedTerm && acknowledged.index >= promised.acknowledgedIndex);
    demand(kept, this.name, () => `${host.id} came back without what it acknowledged: ${JSON.stringify(promised)}`);
  }

  sent(host: Host, message: Message): void {
    if (message.type === 'vote' || message.type === 'voteResponse') this.#checkVote(host, message);
    else if (message.type === 'appendAccepted') this.#checkAcknowledgement(host, message);
    else if (message.type === 'appendRejected' || message.type === 'preVoteResponse')
      this.#termIsDurable(host, message);
  }

  #checkVote(host: Host, message: Vote | VoteResponse): void {
    this.#termIsDurable(host, message);
    const { hardState } = host.disk.image;
    const candidate = message.type === 'vote' ? host.id : message.to;
    const binds = message.type === 'vote' || message.granted;
    const durable = hardState.term === message.term && hardState.vote === candidate;
    demand(!binds || durable, this.name, () => `${host.id} voted for ${candidate} in ${message.term}, not durably`);
    if (message.type === 'vote') this.#logEndIsDurable(host, message);
  }

  #checkAcknowledgement(host: Host, message: AppendAccepted): void {
    this.#termIsDurable(host, message);
    this.#matchIsDurable(host, message);
    const promised = this.#of(host);
    if (message.term > promised.acknowledgedTerm || message.match > promised.acknowledgedIndex) {
      promised.acknowledgedTerm = message.term;
      promised.acknowledgedIndex = message.match;
    }
  }

  #termIsDurable(host: Host, message: Message): void {
    const { term } = host.disk.image.hardState;
    demand(
      term >= message.term,
      this.name,
      () => `${host.id} sent ${message.type} in ${message.term}, on disk is ${term}`,
    );
    const promised = this.#of(host);
    promised.term = Math.max(promised.term, message.term);
  }

  #logEndIsDurable(host: Host, { lastIndex, lastTerm }: Vote): void {
    const { base, entries } = host.disk.image;
    const term = lastIndex === base.index ? base.term : entries[lastIndex - base.index - 1]?.term;
    demand(
      term === lastTerm,
      this.name,
      () => `${host.id} stood for election with a log up to ${lastIndex}, not durable`,
    );
  }

  #matchIsDurable(host: Host, { match, term }: AppendAccepted): void {
    const disk = this.#ledger.diskOf(host.id)[match];
    // A later term's leader may have replaced it in memory, in the same turn, between its release and now.
    const expected = host.node?.state.term === term ? this.#ledger.memoryOf(host.id)[match] : disk;
    demand(disk !== undefined && disk === expected, this.name, () => `${host.id} acknowledged ${match}, not durable`);
  }

  #of(host: Host): Promised {
    const known = this.#promised.get(host.id);
    if (known !== undefined) return known;
    const none = { term: 0, acknowledgedTerm: 0, acknowledgedIndex: 0 };
    this.#promised.set(host.id, none);
    return none;
  }
}
