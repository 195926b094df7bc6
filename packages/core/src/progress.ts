import { assert } from './assertion.ts';
import type { ReadSequence } from './message.ts';
import type { RaftOptions } from './options.ts';
import type { Index, LoadToken, Millis } from './types.ts';

/**
 * What the leader knows of one peer's log.
 *
 *     1 ......... match        next ......... last
 *     known to be equal  |  on the way   |  not sent
 *
 * `probe`: it is not known where the logs part; one append at a time until one is accepted. `replicate`: appends are sent ahead of
 * their acknowledgements, within the window.
 */
export class Progress {
  state: 'probe' | 'replicate' = 'probe';
  match: Index = 0 as Index;
  next: Index;
  /** Probing: an append is on the way. Cleared by its answer, or by a heartbeat's, when it may have been lost. */
  probeSent = false;
  /** When the peer was last heard of in this term. */
  lastContact: Millis;
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
  readonly #inFlight: { readonly lastIndex: Index; readonly bytes: number }[] = [];
  #inFlightBytes = 0;

  constructor(next: Index, now: Millis) {
    this.next = next;
    this.lastContact = now;
    this.lastActivity = now;
  }

  get inFlight(): number {
    return this.#inFlight.length;
  }

  mayReceive(options: RaftOptions): boolean {
    if (this.loading !== null) return false;
    if (this.state === 'probe') return !this.probeSent;
    return this.#inFlight.length < options.maxInflightAppends && this.#inFlightBytes < options.maxInflightBytes;
  }

  sent(lastIndex: Index, bytes: number, now: Millis): void {
    this.lastActivity = now;
    if (this.state === 'probe') {
      this.probeSent = true;
      return;
    }
    assert(lastIndex >= this.next, `append up to ${lastIndex} was sent before, next is ${this.next}`);
    this.next = (lastIndex + 1) as Index;
    this.#inFlight.push({ lastIndex, bytes });
    this.#inFlightBytes += bytes;
  }

  accepted(match: Index, now: Millis): void {
    if (match > this.match) {
      this.match = match;
      this.lastActivity = now;
    }
    if (this.next <= match) this.next = (match + 1) as Index;
    while (this.#inFlight[0] !== undefined && this.#inFlight[0].lastIndex <= match) {
      this.#inFlightBytes -= this.#inFlight.shift()?.bytes ?? 0;
    }
    if (this.state === 'probe') {
      this.state = 'replicate';
      this.next = (this.match + 1) as Index;
      this.loading = null;
    }
  }

  /** An answer to an append that was overtaken by a later one says nothing new. */
  isStaleRejection(rejected: Index): boolean {
    return this.state === 'replicate' ? rejected <= this.match : rejected !== this.next - 1;
  }

  probeFrom(next: Index): void {
    assert(next > this.match, `next ${next} would fall back behind match ${this.match}`);
    this.state = 'probe';
    this.next = next;
    this.probeSent = false;
    this.loading = null;
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
