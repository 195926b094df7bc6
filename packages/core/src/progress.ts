import { assert, fail } from './assertion.ts';
import type { ReadSequence } from './message.ts';
import type { RaftOptions } from './options.ts';
import type { Index, LoadToken, Millis, SnapshotToken } from './types.ts';

/** A snapshot on its way to a peer. */
export interface SnapshotTransfer {
  readonly token: SnapshotToken;
  /** It covers the log at least up to here. */
  readonly atLeast: Index;
  /** When the driver last said that the peer had taken more of it; at first, when it was asked to send it. */
  lastProgress: Millis;
}

/**
 * What the leader knows of one peer's log.
 *
 *     1 ......... match        next ......... last
 *     known to be equal  |  on the way   |  not sent
 *
 * `probe`: it is not known where the logs part; one append at a time until one is accepted. `replicate`: appends are sent ahead of
 * their acknowledgements, within the window. `snapshot`: what the peer needs next has left the log; it is being sent a snapshot, and
 * nothing else.
 */
export class Progress {
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  match: Index = 0 as Index;
  next: Index;
  /** Probing: an append is on the way. Cleared by its answer, or by a heartbeat's, when it may have been lost. */
  probeSent = false;
  /** When the peer was last heard of in this term. */
  lastContact: Millis;
  /** The connection to the peer broke, and nothing was heard of it since. */
  isCut = false;
  /** As far as it has said: its state is there, so that it could lead. */
  canLead = true;
  /** When an append last left for the peer, or was accepted by it. */
  lastActivity: Millis;
  /** The newest round of heartbeats it has answered. */
  readSequence: ReadSequence = 0;
  /** Somebody waits there for what is committed; so it is taken to be until it says otherwise. */
  audience = true;
  /** The commit index that it was last told. */
  sentCommit: Index = 0 as Index;
  /** Entries that are being read from the storage for it. */
  loading: LoadToken | null = null;
  /** Not null in state `snapshot`. */
  snapshot: SnapshotTransfer | null = null;
  /** It was given a snapshot, and lacks what was written meanwhile: when it last took some of that. Null: it does not. */
  catchingUpSince: Millis | null = null;
  /** The member has left the configuration, by the entry at `index`. */
  leaving: { readonly index: Index; readonly since: Millis } | null = null;
  /** The peer durably holds everything that the leader's log held then. */
  heldAsOf: Millis = Number.NEGATIVE_INFINITY;
  #round: { readonly target: Index; readonly since: Millis };
  readonly #inFlight: { readonly lastIndex: Index; readonly bytes: number }[] = [];
  #inFlightBytes = 0;

  constructor(next: Index, now: Millis) {
    this.next = next;
    this.#round = { target: (next - 1) as Index, since: now };
    this.lastContact = now;
    this.lastActivity = now;
  }

  get inFlight(): number {
    return this.#inFlight.length;
  }

  heard(now: Millis): void {
    this.lastContact = now;
    this.isCut = false;
  }

  mayReceive(options: RaftOptions): boolean {
    if (this.loading !== null) return false;
    if (this.state === 'probe') return !this.probeSent;
    if (this.state === 'snapshot') return false;
    return this.#inFlight.length < options.maxInflightAppends && this.#inFlightBytes < options.maxInflightBytes;
  }

  sent(lastIndex: Index, bytes: number, now: Millis): void {
    this.lastActivity = now;
    if (this.state === 'probe') {
      this.probeSent = true;
      return;
    }
    if (lastIndex < this.next) fail(`append up to ${lastIndex} was sent before, next is ${this.next}`);
    this.next = (lastIndex + 1) as Index;
    this.#inFlight.push({ lastIndex, bytes });
    this.#inFlightBytes += bytes;
  }

  /** `base` and `last` are those of the leader's log. */
  accepted(match: Index, log: { readonly base: Index; readonly last: Index }, now: Millis): void {
    if (match > this.match) {
      this.match = match;
      this.lastActivity = now;
      if (this.catchingUpSince !== null) this.catchingUpSince = now;
    }
    if (this.next <= match) this.next = (match + 1) as Index;
    while (this.#inFlight[0] !== undefined && this.#inFlight[0].lastIndex <= match) {
      this.#inFlightBytes -= this.#inFlight.shift()?.bytes ?? 0;
    }
    if (this.match >= this.#round.target) {
      this.heldAsOf = this.#round.since;
      this.#round = { target: log.last, since: now };
    }
    // A peer that has, from wherever, what the log still continues needs no snapshot any more (etcd: snapshot_succeed_via_app_resp).
    if (this.state === 'probe' || (this.state === 'snapshot' && this.match >= log.base)) {
      // Its acknowledgement may be here before the word that it was sent all of it.
      if (this.snapshot !== null) this.catchingUpSince = now;
      this.state = 'replicate';
      this.next = (this.match + 1) as Index;
      this.loading = null;
      this.snapshot = null;
    }
  }

  beginSnapshot(snapshot: SnapshotTransfer): void {
    this.probeFrom(this.next);
    this.state = 'snapshot';
    this.snapshot = snapshot;
    this.catchingUpSince = null;
  }

  /** The log goes on behind `index`. */
  snapshotSent(index: Index, now: Millis): void {
    this.probeFrom((Math.max(this.match, index) + 1) as Index);
    this.catchingUpSince = now;
  }

  /** An answer to an append that was overtaken by a later one says nothing new. */
  isStaleRejection(rejected: Index): boolean {
    if (this.state === 'snapshot') return true;
    return this.state === 'replicate' ? rejected <= this.match : rejected !== this.next - 1;
  }

  probeFrom(next: Index): void {
    assert(next > this.match, `next ${next} would fall back behind match ${this.match}`);
    this.state = 'probe';
    this.next = next;
    this.probeSent = false;
    this.loading = null;
    this.snapshot = null;
    this.#inFlight.length = 0;
    this.#inFlightBytes = 0;
  }

  /** Nothing is to be had for the peer at the moment: the next try comes with its answer to a heartbeat. */
  pause(now: Millis): void {
    this.probeFrom(this.next);
    this.probeSent = true;
    this.lastActivity = now;
  }
}
