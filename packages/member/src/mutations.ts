import type { Entry, Index, MemberId, Output, Proposal, ProposalId, Term } from '@conclave/core';
import { commandVersion, encodeCommand } from '@conclave/protocol';
import type { Applied } from '@conclave/state-machine';
import { FairQueue } from './fair-queue.ts';
import { Mutation } from './mutation.ts';
import type { PeerLinks } from './peer/links.ts';
import type { Declined, Forward, PeerRequestId, Proposed } from './peer/message.ts';
import { bounds } from './settings.ts';

interface Accepted {
  readonly term: Term;
  readonly mutation: Mutation;
}

/** The times that a leader stamps its commands with. */
export interface Stamp {
  readonly clusterTimeMs: number;
  readonly wallTimeMs: number;
}

/**
 * Mutations from the moment they arrive until they are applied: queued, proposed here or passed on to the leader, found again in the log
 * by index and term. Whoever leads proposes; whoever has the client answers, from its own log.
 */
export class Mutations {
  readonly #links: PeerLinks;
  readonly #stamp: () => Stamp;
  readonly #wake: () => void;
  readonly #waiting = new FairQueue<Mutation>();
  /** Given to core in this turn. */
  readonly #proposing = new Map<ProposalId, Mutation>();
  /** Passed on to the leader, which has not said yet where it stands. */
  readonly #forwarded = new Map<PeerRequestId, Mutation>();
  /** Stands in the leader's log at this index. Several, when leaders changed in between. */
  readonly #accepted = new Map<Index, Accepted[]>();
  readonly #peerLanes = new Map<MemberId, object>();
  readonly #officeLane = {};
  #leader: MemberId | null = null;
  #leads = false;
  #nextId = 1;
  #count = 0;

  constructor(links: PeerLinks, stamp: () => Stamp, wake: () => void) {
    this.#links = links;
    this.#stamp = stamp;
    this.#wake = wake;
  }

  /** Not answered yet. */
  get count(): number {
    return this.#count;
  }

  submit(mutation: Mutation): void {
    if (this.#count >= bounds.maxPendingMutations) {
      mutation.refuse(
        'OVERLOADED',
        `${this.#count} mutations wait on this member, the limit is ${bounds.maxPendingMutations}`,
      );
      this.#decline(mutation, 'OVERLOADED');
      return;
    }
    this.#count++;
    this.#enqueue(mutation);
  }

  forwarded(peer: MemberId, { request, identity, author, reason, operation }: Forward, deadlineMs: number): void {
    this.submit(new Mutation({ identity, author, reason, operation }, { from: 'peer', peer, request }, deadlineMs));
  }

  #enqueue(mutation: Mutation): void {
    this.#waiting.add(this.#laneOf(mutation), mutation);
    this.#wake();
  }

  /** A client has a lane of its own, a peer one for all its clients: it has taken them in turn already. */
  #laneOf({ origin }: Mutation): object {
    if (origin.from === 'client') return origin.lane;
    if (origin.from === 'office') return this.#officeLane;
    const known = this.#peerLanes.get(origin.peer);
    if (known !== undefined) return known;
    const lane = {};
    this.#peerLanes.set(origin.peer, lane);
    return lane;
  }

  /** As leader: what is to be proposed now. Otherwise passes on to the leader as much, if there is one. */
  takeProposals(max: number): Proposal[] {
    if (this.#waiting.length === 0 || this.#leader === null) return [];
    const taken = this.#waiting.take(max);
    if (this.#waiting.length > 0) this.#wake();
    if (this.#leads) return this.#propose(taken);
    for (const mutation of taken) this.#forward(this.#leader, mutation);
    return [];
  }

  #propose(mutations: readonly Mutation[]): Proposal[] {
    const { clusterTimeMs, wallTimeMs } = this.#stamp();
    return mutations.map((mutation) => {
      const { author, identity, operation, reason } = mutation.intent;
      const id = this.#nextId++;
      this.#proposing.set(id, mutation);
      const header = { version: commandVersion, clusterTimeMs, wallTimeMs, identity, author, reason };
      return { id, data: encodeCommand(header, operation) };
    });
  }

  #forward(leader: MemberId, mutation: Mutation): void {
    // Another member believed this one to lead; it asks again when it hears who does.
    if (mutation.origin.from !== 'client') return this.#drop(mutation, 'NOT_LEADER');
    const request = this.#nextId++;
    mutation.sent = true;
    this.#forwarded.set(request, mutation);
    this.#links.send(leader, { type: 'forward', request, ...mutation.intent });
  }

  accepted(accepted: Output['accepted']): void {
    for (const { id, index, term } of accepted) {
      const mutation = take(this.#proposing, id);
      const { origin } = mutation;
      mutation.sent = true;
      if (origin.from === 'client') {
        this.#await(mutation, index, term);
        continue;
      }
      this.#count--;
      if (origin.from === 'peer')
        this.#links.send(origin.peer, { type: 'proposed', request: origin.request, index, term });
    }
  }

  /** Core did not take it: nothing of it is in the log because of this attempt. */
  refused(id: ProposalId, reason: 'not-leader' | 'overloaded'): void {
    const mutation = take(this.#proposing, id);
    const { from } = mutation.origin;
    if (from === 'office' && reason === 'overloaded') this.#waiting.add(this.#officeLane, mutation);
    else if (from !== 'client') this.#drop(mutation, reason === 'overloaded' ? 'OVERLOADED' : 'NOT_LEADER');
    else if (reason === 'not-leader') this.#enqueueUnlessSettled(mutation);
    else this.#refuseAsOverloaded(mutation);
  }

  #refuseAsOverloaded(mutation: Mutation): void {
    this.#settle(mutation, () => mutation.refuse('OVERLOADED', 'too much is uncommitted already'));
  }

  proposed(peer: MemberId, { request, index, term }: Proposed, applied: Index): void {
    const mutation = this.#forwarded.get(request);
    if (mutation === undefined || peer !== this.#leader) return;
    this.#forwarded.delete(request);
    // Applied here before we knew that we wait for it: its answer is gone, and asking again brings it back.
    if (index <= applied) this.#again(mutation);
    else this.#await(mutation, index as Index, term as Term);
  }

  declined(peer: MemberId, { request, code }: Declined): void {
    const mutation = this.#forwarded.get(request);
    if (mutation === undefined || peer !== this.#leader) return;
    this.#forwarded.delete(request);
    if (code === 'NOT_LEADER') return this.#again(mutation);
    this.#settle(mutation, () => mutation.refuse('OVERLOADED', 'the leader has too much to do already'));
  }

  #await(mutation: Mutation, index: Index, term: Term): void {
    const there = this.#accepted.get(index);
    if (there === undefined) this.#accepted.set(index, [{ mutation, term }]);
    else there.push({ mutation, term });
  }

  /** An entry was applied: whoever waits at its index learns what became of his. */
  applied(entry: Entry, { repeated, response }: Applied): void {
    const there = this.#accepted.get(entry.index);
    if (there === undefined) return;
    this.#accepted.delete(entry.index);
    for (const { mutation, term } of there) {
      if (term === entry.term) {
        if (response === null) throw new Error(`entry ${entry.index} has no answer for the client that waits for it`);
        this.#settle(mutation, () => mutation.answer({ response, repeated }));
      } else {
        // Another entry stands there, and so will for ever: this attempt has come to nothing.
        this.#enqueueUnlessSettled(mutation);
      }
    }
  }

  /** Who leads has changed, or the link to the leader broke: what was passed on may be lost. */
  leadership(leader: MemberId | null, leads: boolean): void {
    this.#leader = leader;
    this.#leads = leads;
    const lost = [...this.#forwarded.values()];
    this.#forwarded.clear();
    for (const mutation of lost) this.#again(mutation);
    if (this.#waiting.length > 0) this.#wake();
  }

  linkToLeaderLost(): void {
    this.leadership(this.#leader, this.#leads);
  }

  /** Nobody waits any more for what these were to answer. */
  clientGone(lane: object): void {
    for (const mutation of this.#waiting.removeLane(lane)) this.#settle(mutation, () => {});
  }

  expire(nowMs: number): void {
    const overdue = (mutation: Mutation): boolean => mutation.deadlineMs <= nowMs;
    for (const mutation of this.#waiting.remove(overdue)) this.#giveUp(mutation);
    for (const [request, mutation] of this.#forwarded) {
      if (!overdue(mutation)) continue;
      this.#forwarded.delete(request);
      this.#giveUp(mutation);
    }
    for (const [index, there] of this.#accepted) {
      for (const { mutation } of there) if (overdue(mutation)) this.#giveUp(mutation);
      const kept = there.filter(({ mutation }) => !mutation.settled);
      if (kept.length === 0) this.#accepted.delete(index);
      else if (kept.length < there.length) this.#accepted.set(index, kept);
    }
  }

  /** This member stops. */
  abandon(): void {
    const all = [...this.#waiting.take(Number.POSITIVE_INFINITY), ...this.#forwarded.values()];
    for (const there of this.#accepted.values()) for (const { mutation } of there) all.push(mutation);
    this.#forwarded.clear();
    this.#accepted.clear();
    for (const mutation of all) this.#settle(mutation, () => mutation.refuse('UNAVAILABLE', 'this member is stopping'));
  }

  #giveUp(mutation: Mutation): void {
    if (mutation.origin.from !== 'client') return this.#drop(mutation, 'DEADLINE_EXCEEDED');
    this.#settle(mutation, () => mutation.refuse('DEADLINE_EXCEEDED', 'it could not be applied within its time'));
  }

  #again(mutation: Mutation): void {
    if (mutation.isRepeatable) this.#enqueueUnlessSettled(mutation);
    else this.#settle(mutation, () => mutation.refuse('OUTCOME_UNKNOWN', 'the leader was lost before it answered'));
  }

  #enqueueUnlessSettled(mutation: Mutation): void {
    if (mutation.settled) return;
    this.#enqueue(mutation);
  }

  #drop(mutation: Mutation, code: Declined['code']): void {
    this.#count--;
    this.#decline(mutation, code);
  }

  #decline(mutation: Mutation, code: Declined['code']): void {
    const { origin } = mutation;
    if (origin.from === 'peer') this.#links.send(origin.peer, { type: 'declined', request: origin.request, code });
  }

  #settle(mutation: Mutation, answer: () => void): void {
    if (mutation.settled) return;
    this.#count--;
    answer();
    mutation.settled = true;
  }
}

function take(map: Map<ProposalId, Mutation>, id: ProposalId): Mutation {
  const mutation = map.get(id);
  if (mutation === undefined) throw new Error(`core answered proposal ${id}, which was not made`);
  map.delete(id);
  return mutation;
}
