import {
  type LeaseDescription,
  type LeaseKeysQuery,
  type LeaseKeysResult,
  type LeaseList,
  type LeaseListResult,
  type LeaseQuery,
  type LeaseQueryResult,
  limits,
} from '@conclave/protocol';
import { overheadBytes } from '../bounds.ts';
import { bytesOf, latin1Of } from '../keys/key-bytes.ts';
import { publishedKey } from '../locks/lock.ts';
import type { State } from '../state.ts';
import type { Lease } from './lease.ts';

export function queryLease(state: State, { lease: id }: LeaseQuery): LeaseQueryResult {
  const lease = state.leases.get(id);
  return { type: 'lease', lease: lease === undefined ? null : describeLease(lease) };
}

/** What it publishes as a leader included. Stops early where the keys are so long that they would not fit into one answer. */
export function queryLeaseKeys(state: State, { after, lease: id, limit }: LeaseKeysQuery): LeaseKeysResult {
  const max = limit === 0 ? limits.maxListEntries : Math.min(limit, limits.maxListEntries);
  const behind = after === null ? '' : latin1Of(after);
  const keys: Uint8Array[] = [];
  let bytes = 0;
  for (const key of keysOf(state.leases.get(id)).toSorted()) {
    if (after !== null && key <= behind) continue;
    bytes += key.length + overheadBytes;
    if (keys.length === max || bytes > limits.maxRangeBytes) return { type: 'leaseKeys', keys, more: true };
    keys.push(bytesOf(key));
  }
  return { type: 'leaseKeys', keys, more: false };
}

/** At most `limits.maxChangesPerEntry`: all of them end in one entry. */
function keysOf(lease: Lease | undefined): string[] {
  const keys = [...(lease?.keys ?? [])].map(({ key }) => key);
  for (const request of lease?.session?.requests.values() ?? []) {
    const [claim] = request.claims;
    if (!request.isWaiting && request.value !== null && claim !== undefined) keys.push(publishedKey(claim.lock.name));
  }
  return keys;
}

export function listLeases(state: State, { after, limit }: LeaseList): LeaseListResult {
  const max = limit === 0 ? limits.maxListEntries : Math.min(limit, limits.maxListEntries);
  const leases: LeaseDescription[] = [];
  for (const lease of state.leases.values()) {
    if (lease.id <= after) continue;
    if (leases.length === max) return { type: 'leases', leases, more: true };
    leases.push(describeLease(lease));
  }
  return { type: 'leases', leases, more: false };
}

function describeLease({ id, ttlMs, session, keys }: Lease): LeaseDescription {
  let holds = 0;
  let published = 0;
  for (const request of session?.requests.values() ?? []) {
    if (request.isWaiting) continue;
    holds += 1;
    if (request.value !== null) published += 1;
  }
  return {
    lease: id,
    ttlMs,
    isSession: session !== null,
    metadata: session === null ? {} : session.metadata,
    // What it publishes as a leader hangs on it like any other key.
    keys: keys.size + published,
    holds,
  };
}
