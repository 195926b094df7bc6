import type { Message, Output } from '@conclave/core';
import type { Host } from '../host.ts';
import type { Observer } from '../observer.ts';
import { demand } from '../violation.ts';

/** At most one leader in a term (Raft, figure 3). */
export class ElectionSafety implements Observer {
  readonly name = 'election safety';
  readonly #leaders = new Map<number, number>();

  took(host: Host, { leadership }: Output): void {
    if (leadership?.role !== 'leader') return;
    const other = this.#leaders.get(leadership.term) ?? host.id;
    demand(other === host.id, this.name, () => `${other} and ${host.id} both led term ${leadership.term}`);
    this.#leaders.set(leadership.term, host.id);
  }
}

/** A member gives at most one vote in a term, also over crashes (Raft §5.2). A campaign is a vote for itself. */
export class OneVotePerTerm implements Observer {
  readonly name = 'one vote per term';
  readonly #votes = new Map<string, number>();

  sent(host: Host, message: Message): void {
    if (message.type === 'vote') this.#cast(host.id, message.term, host.id);
    if (message.type === 'voteResponse' && message.granted) this.#cast(host.id, message.term, message.to);
  }

  #cast(voter: number, term: number, candidate: number): void {
    const key = `${voter}@${term}`;
    const earlier = this.#votes.get(key) ?? candidate;
    demand(
      earlier === candidate,
      this.name,
      () => `${voter} voted for ${earlier} and for ${candidate} in term ${term}`,
    );
    this.#votes.set(key, candidate);
  }
}
