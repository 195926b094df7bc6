import type { LeaseId } from '@conclave/protocol';
import type { KeyNode } from '../keys/key-version.ts';
import type { LockRequest } from '../locks/lock.ts';
import type { Remembered } from '../sessions/remembered.ts';

/** A replicated time-to-live that keys hang on. A session is a lease with an identity, requests for locks and a memory. */
export class Lease {
  readonly table = 'lease';
  readonly id: LeaseId;
  readonly ttlMs: number;
  /** What an expiry must name. Nothing moves it yet; the first change of what a lease is will. */
  readonly generation: number;
  /**
   * What a new leader gives it from when it takes office: less than `ttlMs` once a leader has taken note that nobody renewed it. Null: the whole.
   * Whoever confirms a renewal of it has let it be null again first (docs/decisions/lease-checkpoints.md).
   */
  remainingMs: number | null;
  /** Null: a plain lease. */
  readonly session: Session | null;

  /** Ordinary keys that hang on it; what an election publishes hangs on the hold instead. */
  readonly keys: Set<KeyNode> = new Set();
  /** Bytes of the events that deleting all of `keys` would make. */
  keyEventBytes = 0;

  high = 0;
  low = 0;
  stored = false;

  constructor(id: LeaseId, ttlMs: number, generation: number, remainingMs: number | null, session: Session | null) {
    this.id = id;
    this.ttlMs = ttlMs;
    this.generation = generation;
    this.remainingMs = remainingMs;
    this.session = session;
  }
}

export class Session {
  readonly secretHash: Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
  /** Every sequence below it was answered, and its answer given up. */
  acknowledgedBelow: number;
  /** Of the last resumption, 0 before the first: commands that came over an older connection are not applied any more. */
  epoch: number;

  /** By sequence: requests for locks that wait or hold. */
  readonly requests: Map<number, LockRequest> = new Map();
  /** Changes and event bytes that the end of `requests` may cost at most. */
  requestWeight = 0;
  requestEventBytes = 0;

  /** By sequence: the answers that the client may still ask for again. */
  readonly remembered: Map<number, Remembered> = new Map();
  rememberedBytes = 0;

  constructor(
    secretHash: Uint8Array,
    metadata: Readonly<Record<string, string>>,
    acknowledgedBelow: number,
    epoch: number,
  ) {
    this.secretHash = secretHash;
    this.metadata = metadata;
    this.acknowledgedBelow = acknowledgedBelow;
    this.epoch = epoch;
  }
}

/** A lease that is known to be a session. */
export type SessionLease = Lease & { readonly session: Session };

export function isSession(lease: Lease | undefined | null): lease is SessionLease {
  return lease !== undefined && lease !== null && lease.session !== null;
}
