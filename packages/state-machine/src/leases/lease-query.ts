import {
  type LeaseDescription,
  type LeaseList,
  type LeaseListResult,
  type LeaseQuery,
  type LeaseQueryResult,
  limits,
} from '@conclave/protocol';
import type { State } from '../state.ts';
import type { Lease } from './lease.ts';

export function queryLease(state: State, { lease: id }: LeaseQuery): LeaseQueryResult {
  const lease = state.leases.get(id);
  return { type: 'lease', lease: lease === undefined ? null : describeLease(lease) };
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
