import type { LeaseId } from '@conclave/protocol';
import { Ledger } from './checkpoint/ledger.ts';
import { PinnedHistory } from './checkpoint/pinned-history.ts';
import { Counters } from './counters.ts';
import { KeyIndex } from './keys/key-index.ts';
import { LiveKeys } from './keys/live-keys.ts';
import { SweepCursor } from './keys/sweep-cursor.ts';
import { Timeline } from './keys/timeline.ts';
import type { ValueSource } from './keys/values.ts';
import type { Lease, SessionLease } from './leases/lease.ts';
import type { Lock, LockRequest } from './locks/lock.ts';
import type { PastHolds } from './locks/past.ts';
import { ClusterRecord, type MemberRecord } from './members/member-record.ts';
import type { Keyed } from './sessions/remembered.ts';
import { type SortedMap, sortedMap } from './sorted-map.ts';

export interface State {
  readonly counters: Counters;
  readonly values: ValueSource;
  readonly keys: KeyIndex;
  readonly liveKeys: LiveKeys;
  readonly timeline: Timeline;
  readonly sweepCursor: SweepCursor;
  readonly pinned: PinnedHistory;
  /** In the order of their ids. */
  readonly leases: Map<LeaseId, Lease>;
  /** Sessions by the hash of their secret, latin1. */
  readonly secrets: Map<string, SessionLease>;
  readonly locks: SortedMap<Lock>;
  /** Holds that have ended and whose place is kept, by `requestName`. */
  readonly delayed: Map<string, LockRequest>;
  /** Requests that wait, in all locks together. */
  readonly crowd: { waiting: number };
  /** By lock, in the order of their last use. */
  readonly past: Map<string, PastHolds>;
  /** In the order of expiry, which is that of the log. */
  readonly keyed: Map<string, Keyed>;
  readonly cluster: ClusterRecord;
  /** In the order of their ids. */
  readonly members: Map<number, MemberRecord>;
  readonly ledger: Ledger;
}

export function emptyState(values: ValueSource): State {
  return {
    counters: new Counters(),
    values,
    keys: new KeyIndex(),
    liveKeys: new LiveKeys(),
    timeline: new Timeline(),
    sweepCursor: new SweepCursor(),
    pinned: new PinnedHistory(),
    leases: new Map(),
    secrets: new Map(),
    locks: sortedMap(),
    delayed: new Map(),
    crowd: { waiting: 0 },
    past: new Map(),
    keyed: new Map(),
    cluster: new ClusterRecord(),
    members: new Map(),
    ledger: new Ledger(),
  };
}
