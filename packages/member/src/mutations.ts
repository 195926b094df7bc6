import type { Entry, Index, MemberId, Output, Proposal, ProposalId, Term } from '@conclave/core';
import { commandVersion, encodeCommand, type LeaseId } from '@conclave/protocol';
import type { Applied } from '@conclave/state-machine';
import type { Stamp } from './cluster-clock.ts';
import type { Clock } from './environment.ts';
import { FairQueue } from './fair-queue.ts';
import { Forwards } from './forwards.ts';
import { changeId } from './membership/office.ts';
import { Mutation } from './mutation.ts';
import type { PeerLinks } from './peer/links.ts';
import type { Declined, Forward, PeerRequestId, Proposed } from './peer/message.ts';
import { bounds } from './settings.ts';
import { growsState } from './space/growth.ts';

/** Of what is not decided on yet. */
const nothing = new Uint8Array(0);

const noSpace = 'disk space is low: only reads and what frees space is taken, until the disk has room again';

interface Accepted {
  readonly term: Term;
  readonly mutation: Mutation;
}

/**
 * Mutations from the moment they arrive until they are applied: queued, proposed here or passed on to the leader, found again in the log
 * by index and term. Whoever leads proposes; whoever has the client answers, from its own log.
 */
export class Mutations {
  readonly #links: PeerLinks;
  readonly #stamp: () => Stamp;
  readonly #level: () => number;
  readonly #wake: () => void;
  readonly #signOfLife: (session: LeaseId) => void;
  readonly #isShort: () => boolean;
  readonly #waiting = new FairQueue<Mutation>(({ bytes }) => bytes);
  /** Given to core in this turn. */
  readonly #proposing = new Map<ProposalId, Mutation>();
  readonly #forwards: Forwards;
  /** Stands in the leader's log at this index. Several, when leaders changed in between. */
  readonly #accepted = new Map<Index, Accepted[]>();
  readonly #peerLanes = new Map<MemberId, object>();
  readonly #officeLane = {};
  #leader: MemberId | null = null;
  #leads = false;
  /** The leader could not be reached: nothing is passed on until somebody says that it may be back. */
  #held = false;
  /** Leadership is being handed over: what is to be proposed waits for whoever leads then. */
  #transferring = false;
  /** Term of the last entry that was applied. */
  #appliedTerm = 0;
  #nextId = 1;
  #count = 0;
  #bytes = 0;

  /**
   * `level`: of the cluster, which its commands bear. `signOfLife`: a session's mutation is proposed here, so its client was alive when it sent it.
   * `isShort`: disks are low, so whoever leads takes nothing that lets the state grow.
   */
  constructor(
    links: PeerLinks,
    clock: Clock,
    stamp: () => Stamp,
    level: () => number,
    wake: () => void,
    signOfLife: (session: LeaseId) => void,
    isShort: () => boolean,
  ) {
    this.#links = links;
    this.#forwards = new Forwards(links, clock);
    this.#stamp = stamp;
    this.#level = level;
    this.#wake = wake;
    this.#signOfLife = signOfLife;
    this.#isShort = isShort;
  }

  /** Not answered yet. */
  get count(): number {
    return this.#count;
  }

  submit(mutation: Mutation): void {
    // The leader's own have bounds of their own, and nobody would ask again for what is dropped here.
    if (this.#isFullFor(mutation) && mutation.origin.from !== 'office') {
      const { maxPendingMutationBytes, maxPendingMutations } = bounds;
      const limit = `the limit is ${maxPendingMutations}, of ${maxPendingMutationBytes} bytes`;
      mutation.refuse('OVERLOADED', `${this.#count} mutations of ${this.#bytes} bytes wait on this member, ${limit}`);
      this.#decline(mutation, 'OVERLOADED');
      return;
    }
    this.#count++;
    this.#bytes += mutation.bytes;
    this.#enqueue(mutation);
  }

  #isFullFor({ bytes }: Mutation): boolean {
    return this.#count >= bounds.maxPendingMutations || this.#bytes + bytes > bounds.maxPendingMutationBytes;
  }

  /** What a leader decides by itself: nobody waits for it, and it is worth nothing to another leader. */
  proposeOwn(operation: Uint8Array): void {
    this.decideOwn(() => operation);
  }

  /** Decided on when its place in the log is taken, again whenever core did not take it: everything proposed before is known then. Null: dropped. */
  decideOwn(decide: () => Uint8Array | null): void {
    const intent = { identity: { by: 'none' }, author: null, reason: null, operation: nothing } as const;
    this.submit(new Mutation(intent, { from: 'office', decide }, Number.POSITIVE_INFINITY));
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
    if (this.#waiting.length === 0 || this.#leader === null || this.#isHeld) return [];
    const room = this.#leads ? bounds.maxProposedBytesPerTurn : this.#forwards.roomFor(this.#leader);
    // An answer of the leader makes room and wakes; the next turn finds a socket that was full empty, at the latest that of `expire`.
    if (room <= 0) return [];
    const taken = this.#waiting.take(max, room);
    if (this.#waiting.length > 0) this.#wake();
    if (this.#leads) return this.#propose(this.#isShort() ? this.#withoutGrowth(taken) : taken);
    for (const mutation of taken) this.#forward(this.#leader, mutation);
    return [];
  }

  get #isHeld(): boolean {
    return this.#leads ? this.#transferring : this.#held;
  }

  /** Only now is anything decoded on its way into the log. */
  #withoutGrowth(mutations: readonly Mutation[]): Mutation[] {
    return mutations.filter((mutation) => {
      const { from } = mutation.origin;
      // What the leader does by itself ends something, or lets a member be replaced.
      if (from === 'office' || !growsState(mutation.intent.operation)) return true;
      if (from === 'peer') this.#drop(mutation, 'NO_SPACE');
      else this.#settle(mutation, () => mutation.refuse('NO_SPACE', noSpace));
      return false;
    });
  }

  #propose(mutations: readonly Mutation[]): Proposal[] {
    const { clusterTimeMs, wallTimeMs } = this.#stamp();
    const version = Math.min(this.#level(), commandVersion);
    return mutations.flatMap((mutation) => {
      const { intent, origin } = mutation;
      const { author, identity, reason } = intent;
      if (identity.by === 'session') this.#signOfLife(identity.session);
      const operation = origin.from === 'office' ? origin.decide() : intent.operation;
      if (operation === null) {
        this.#drop(mutation, 'NOT_LEADER');
        return [];
      }
      const id = this.#nextId++;
      this.#proposing.set(id, mutation);
      const header = { version, clusterTimeMs, wallTimeMs, identity, author, reason };
      return [{ id, data: encodeCommand(header, operation) }];
    });
  }

  #forward(leader: MemberId, mutation: Mutation): void {
    // Another member believed this one to lead; it asks again when it hears who does.
    if (mutation.origin.from === 'client') this.#forwards.pass(leader, mutation);
    else this.#drop(mutation, 'NOT_LEADER');
  }

  accepted(accepted: Output['accepted']): void {
    for (const { id, index, term } of accepted) {
      if (id === changeId) continue;
      const mutation = take(this.#proposing, id);
      const { origin } = mutation;
      if (origin.from === 'client') {
        mutation.openAttempts++;
        this.#await(mutation, index, term);
        continue;
      }
      this.#leave(mutation);
      if (origin.from === 'peer')
        this.#links.send(origin.peer, { type: 'proposed', request: origin.request, index, term });
    }
  }

  /** Core did not take it: nothing of it is in the log because of this attempt. */
  refused(id: ProposalId, reason: 'not-leader' | 'overloaded' | 'transferring'): void {
    const mutation = take(this.#proposing, id);
    if (reason === 'transferring') return this.#waiting.add(this.#laneOf(mutation), mutation);
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
    const mutation = this.#answered(peer, request);
    if (mutation === null) return;
    // Applied here before we knew that we wait for it: its answer is gone, and asking again brings it back.
    if (index <= applied) this.#again(mutation);
    else this.#await(mutation, index as Index, term as Term);
  }

  declined(peer: MemberId, { request, code }: Declined): void {
    const mutation = this.#answered(peer, request);
    if (mutation === null) return;
    mutation.openAttempts--;
    if (code === 'NOT_LEADER') return this.#again(mutation);
    this.#settle(mutation, () =>
      code === 'NO_SPACE'
        ? mutation.refuse(code, noSpace)
        : mutation.refuse('OVERLOADED', 'the leader has too much to do already'),
    );
  }

  #answered(peer: MemberId, request: PeerRequestId): Mutation | null {
    if (peer !== this.#leader) return null;
    const mutation = this.#forwards.answered(request);
    // There is room now for what was held back.
    if (mutation !== null && this.#waiting.length > 0) this.#wake();
    return mutation;
  }

  #await(mutation: Mutation, index: Index, term: Term): void {
    const there = this.#accepted.get(index);
    if (there === undefined) this.#accepted.set(index, [{ mutation, term }]);
    else there.push({ mutation, term });
  }

  /** An entry was applied: whoever waits at its index learns what became of his. */
  applied(entry: Entry, { repeated, response }: Applied): void {
    if (entry.term > this.#appliedTerm) {
      this.#appliedTerm = entry.term;
      this.#loseOlderThan(entry);
    }
    const there = this.#accepted.get(entry.index);
    if (there === undefined) return;
    this.#accepted.delete(entry.index);
    for (const { mutation, term } of there) {
      if (term === entry.term) {
        if (response === null) throw new Error(`entry ${entry.index} has no answer for the client that waits for it`);
        this.#settle(mutation, () => mutation.answer({ response, repeated }));
      } else {
        this.#cameToNothing(mutation);
      }
    }
  }

  /** Terms never go back along the log: what an older leader put at this index or behind it is gone, and need not wait to see by what. */
  #loseOlderThan({ index, term }: Entry): void {
    for (const [at, there] of this.#accepted) {
      if (at < index || there.every((one) => one.term >= term)) continue;
      const kept = there.filter((one) => one.term >= term);
      if (kept.length > 0) this.#accepted.set(at, kept);
      else this.#accepted.delete(at);
      for (const one of there) if (one.term < term) this.#cameToNothing(one.mutation);
    }
  }

  /** Another entry stands where this one was to stand, and so will for ever. */
  #cameToNothing(mutation: Mutation): void {
    mutation.openAttempts--;
    this.#enqueueUnlessSettled(mutation);
  }

  /** Entries up to `index` are in the state and were not seen by it one by one. Who waited for one of them has gone elsewhere to ask again. */
  skippedTo(index: Index): void {
    for (const [at, there] of this.#accepted) {
      if (at > index) continue;
      this.#accepted.delete(at);
      for (const { mutation } of there) {
        this.#settle(mutation, () => mutation.refuse('OUTCOME_UNKNOWN', 'this member was too far behind to see it'));
      }
    }
  }

  /** Who leads has changed, or the link to the leader broke: what was passed on may be lost. */
  leadership(leader: MemberId | null, leads: boolean): void {
    this.#leader = leader;
    this.#leads = leads;
    this.#held = false;
    this.#transferring = false;
    this.#recall();
    if (this.#waiting.length > 0) this.#wake();
  }

  /** Leadership is about to leave this member, or stays after all. */
  transferring(isUnderWay: boolean): void {
    this.#transferring = isUnderWay && this.#leads;
    if (!isUnderWay && this.#waiting.length > 0) this.#wake();
  }

  /** Nothing more goes there before `linkMayBeBack`: tried again at once it would be lost again, without end. */
  linkToLeaderLost(): void {
    this.#held = true;
    this.#recall();
  }

  linkMayBeBack(): void {
    this.#held = false;
    if (this.#waiting.length > 0) this.#wake();
  }

  #recall(): void {
    for (const mutation of this.#forwards.recall()) this.#again(mutation);
  }

  /** Nobody waits any more for what these were to answer. */
  clientGone(lane: object): void {
    for (const mutation of this.#waiting.removeLane(lane)) this.#settle(mutation, () => {});
  }

  expire(nowMs: number): void {
    const overdue = (mutation: Mutation): boolean => mutation.deadlineMs <= nowMs;
    for (const mutation of this.#waiting.remove(overdue)) this.#giveUp(mutation);
    for (const mutation of this.#forwards.remove(overdue)) this.#giveUp(mutation);
    for (const mutation of this.#forwards.takeUnheard(nowMs)) this.#again(mutation);
    if (this.#waiting.length > 0) this.#wake();
    for (const [index, there] of this.#accepted) {
      for (const { mutation } of there) if (overdue(mutation)) this.#giveUp(mutation);
      const kept = there.filter(({ mutation }) => !mutation.settled);
      if (kept.length === 0) this.#accepted.delete(index);
      else if (kept.length < there.length) this.#accepted.set(index, kept);
    }
  }

  /** This member stops. */
  abandon(): void {
    const all = [...this.#waiting.remove(() => true), ...this.#proposing.values(), ...this.#forwards.recall()];
    for (const there of this.#accepted.values()) for (const { mutation } of there) all.push(mutation);
    this.#proposing.clear();
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
    this.#leave(mutation);
    this.#decline(mutation, code);
  }

  #decline(mutation: Mutation, code: Declined['code']): void {
    const { origin } = mutation;
    if (origin.from === 'peer') this.#links.send(origin.peer, { type: 'declined', request: origin.request, code });
  }

  #settle(mutation: Mutation, answer: () => void): void {
    if (mutation.settled) return;
    this.#leave(mutation);
    answer();
    mutation.settled = true;
  }

  #leave({ bytes }: Mutation): void {
    this.#count--;
    this.#bytes -= bytes;
  }
}

function take(map: Map<ProposalId, Mutation>, id: ProposalId): Mutation {
  const mutation = map.get(id);
  if (mutation === undefined) throw new Error(`core answered proposal ${id}, which was not made`);
  map.delete(id);
  return mutation;
}
