import {
  type ConfigurationChange,
  type Failure,
  isJoint,
  type MemberId,
  type ProposalId,
  type RaftStatus,
} from '@conclave/core';
import { encodeOperation } from '@conclave/protocol';
import type { Membership } from '@conclave/state-machine';
import { asError } from '../defect.ts';
import type { Cancel, Logger, Timers } from '../environment.ts';
import type { MemberAddress } from '../settings.ts';
import { successorAmong } from '../successor.ts';
import { planChange, type Wanted } from './plan.ts';

/** Of the one change that is under way at most. Mutations, which share the numbers, count from 1. */
export const changeId: ProposalId = 0;

export interface OfficeWorld {
  readonly timers: Timers;
  readonly log: Logger;
  /** How often it looks while something is left to do. */
  readonly lookEveryMs: number;
  /** A peer that was not heard of for longer cannot be reached. */
  readonly electionMs: number;
  readonly raft: () => RaftStatus;
  readonly membership: () => Membership;
  /** The members as the command line names them. */
  readonly founders: readonly MemberAddress[];
  /** The newest commands that all members know. Null: one of them was not heard of lately. */
  readonly commonLevel: () => number | null;
  /** The newest that this member knows. */
  readonly knows: number;
  /** Hands it to core, under `changeId`. */
  readonly change: (change: ConfigurationChange) => void;
  readonly propose: (operation: Uint8Array) => void;
  /** Resolves when this member does not lead any more; rejects when it still does. */
  readonly handOver: (to: MemberId) => Promise<void>;
}

/**
 * Brings the configuration of Raft to what the table of members asks for, on the leader only, one change at a time. It keeps nothing that
 * the next leader would miss: what is to be done is always the difference between the two.
 */
export class MembershipOffice {
  readonly #world: OfficeWorld;
  #isOpen = false;
  /** Handed to core, which has not said yet what becomes of it. */
  #isUnderWay = false;
  /** Leadership was to go to another member before this one leaves, and stayed. */
  #isStuck = false;
  #timer: Cancel | null = null;
  #told: string | null = null;
  /** Proposed already. */
  #levelAsked = 0;

  constructor(world: OfficeWorld) {
    this.#world = world;
  }

  /** This member leads, and its state holds everything from before. */
  open(): void {
    this.close();
    this.#isOpen = true;
    if (this.#world.membership().nextMember === 0) this.#seed();
    this.#look();
  }

  close(): void {
    this.#isOpen = false;
    this.#isUnderWay = false;
    this.#isStuck = false;
    this.#told = null;
    this.#levelAsked = 0;
    this.#timer?.();
    this.#timer = null;
  }

  /** The table or the configuration is another. */
  changed(): void {
    this.#look();
  }

  /** It is in force; that it is committed is told by `changed`. */
  accepted(): void {
    this.#isUnderWay = false;
  }

  refused({ detail, reason }: Pick<Failure, 'detail' | 'reason'>): void {
    this.#isUnderWay = false;
    if (!this.#isOpen) return;
    if (reason === 'invalid-change' || reason === 'learner-required') {
      this.#world.log.error({ reason, detail }, 'core refused a change of the members');
    }
    this.#lookAgain();
  }

  /** Whoever leads first puts the founders on record: from then on members come and go. */
  #seed(): void {
    const { founders, log, propose, raft } = this.#world;
    const { learners, voters } = raft().configuration;
    const roleOf = (id: MemberId): Wanted['roles'] extends ReadonlyMap<MemberId, infer R> ? R : never =>
      voters.includes(id) ? 'voter' : 'learner';
    const counted = new Set([...voters, ...learners]);
    const members = founders
      .filter(({ id }) => counted.delete(id))
      .map(({ clientUrl, id, name, peerUrl }) => ({ member: id, name, clientUrl, peerUrl, role: roleOf(id) }));
    if (counted.size > 0) {
      log.error({ members: [...counted] }, 'the addresses of these members are not known: nobody is put on record');
      return;
    }
    propose(encodeOperation({ type: 'memberSeed', members }));
  }

  #look(): void {
    this.#timer?.();
    this.#timer = null;
    if (!this.#isOpen || this.#isUnderWay) return;
    const { leaseReads, level, members, nextMember } = this.#world.membership();
    const { configuration, id, peers } = this.#world.raft();
    if (nextMember === 0 || isJoint(configuration)) return;
    const mayRise = level < this.#world.knows;
    if (mayRise) this.#raise(level);
    const roles = new Map(
      members.flatMap(({ member, role }) => (role === 'removed' ? [] : [[member as MemberId, role] as const])),
    );
    const { electionMs } = this.#world;
    const isThere = (peer: RaftStatus['peers'][number]): boolean =>
      peer.state === 'replicate' && peer.sinceLastContactMs <= electionMs;
    const reachable = new Set([id, ...peers.filter(isThere).map((peer) => peer.id)]);
    const caughtUp = new Set(peers.filter((peer) => peer.caughtUp).map((peer) => peer.id));
    const { change, waitsFor } = planChange(configuration, { roles, leaseReads }, { reachable, caughtUp });
    this.#tell(waitsFor);
    if (change !== null) this.#begin(change);
    if (change !== null || waitsFor !== null || mayRise) this.#lookAgain();
  }

  /** When the last member runs a release that knows more, nobody has to say so. */
  #raise(present: number): void {
    const level = this.#world.commonLevel() ?? 0;
    if (level <= present || level <= this.#levelAsked) return;
    this.#levelAsked = level;
    this.#world.log.info({ level }, 'all members know newer commands: the cluster rises to their level');
    this.#world.propose(encodeOperation({ type: 'clusterLevel', level }));
  }

  #begin(change: ConfigurationChange): void {
    this.#isUnderWay = true;
    const successor = this.#isStuck ? null : successorBefore(change, this.#world.raft(), this.#world.electionMs);
    if (successor !== null) return this.#handOver(successor);
    this.#world.log.info({ ...change }, 'changing the members');
    this.#world.change(change);
  }

  /** Whoever leads next makes the change. If nobody does, this member leads until it has left, and names a successor then (Raft §6). */
  #handOver(successor: MemberId): void {
    this.#world.log.info({ successor }, 'this member is to leave the voters: it hands leadership over first');
    this.#world.handOver(successor).catch((error: unknown) => {
      if (!this.#isOpen) return;
      this.#world.log.warn({ reason: asError(error).message }, 'leadership stays with a member that is to leave');
      this.#isStuck = true;
      this.#isUnderWay = false;
      this.#look();
    });
  }

  #lookAgain(): void {
    this.#timer ??= this.#world.timers.after(this.#world.lookEveryMs, () => this.#look());
  }

  /** Once for each reason: it is looked at often. */
  #tell(waitsFor: string | null): void {
    if (waitsFor !== null && waitsFor !== this.#told)
      this.#world.log.warn({ waitsFor }, 'a change of the members waits');
    this.#told = waitsFor;
  }
}

/**
 * To whom the leader hands over before a change that takes its own vote: of those who vote afterwards, and before, who holds most of the
 * log. Null: it keeps its vote, or nobody is there.
 */
function successorBefore(
  { demote = [], remove = [] }: ConfigurationChange,
  raft: RaftStatus,
  electionMs: number,
): MemberId | null {
  const leaving = new Set([...demote, ...remove]);
  if (!leaving.has(raft.id)) return null;
  return successorAmong(raft, electionMs, (peer) => !leaving.has(peer));
}
