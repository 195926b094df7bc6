import type { Counters } from '../counters.ts';
import type { Lease } from '../leases/lease.ts';
import type { LockRequest } from '../locks/lock.ts';
import type { PastHolds } from '../locks/past.ts';
import type { ClusterRecord, MemberRecord } from '../members/member-record.ts';
import {
  clusterKey,
  countersKey,
  idempotencyKey,
  leaseKey,
  memberKey,
  pastKey,
  requestKey,
  responseKey,
} from '../records/tables.ts';
import type { Keyed, Remembered } from '../sessions/remembered.ts';

/** Whatever has exactly one record while it lives. `high`, `low`: the seal of that record; `stored`: it was handed out. */
export type LiveRecord = Counters | Lease | LockRequest | PastHolds | Remembered | Keyed | ClusterRecord | MemberRecord;

export function keyOfRecord(record: LiveRecord): Uint8Array {
  switch (record.table) {
    case 'counters':
      return countersKey;
    case 'lease':
      return leaseKey(record.id);
    case 'request':
      return requestKey(record.owner, record.sequence);
    case 'past':
      return pastKey(record.key);
    case 'response':
      return responseKey(record.session, record.sequence);
    case 'idempotency':
      return idempotencyKey(record.key);
    case 'cluster':
      return clusterKey;
    case 'member':
      return memberKey(record.id);
  }
}
